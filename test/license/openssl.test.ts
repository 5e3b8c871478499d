import { spawnSync } from 'node:child_process'
import type { X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { verifyChain } from '../../src/license/chain.ts'
import { parseJws, signatureHolds } from '../../src/license/jws.ts'
import {
  authority,
  issuingExtensions,
  makeCertificate,
  makeRsa,
  rootExtensions,
  signsCertificates,
  x5cOf,
} from './certificate-factory.ts'
import { makeLicense, signJws } from './setting.ts'

/** The same questions to the `openssl` program, which shares no code with what asks here but the primitives. */
const openssl = (...args: string[]) => spawnSync('openssl', args, { encoding: 'utf8' })
const skip = openssl('version').status === 0 ? false : 'openssl is not installed'

test('chains: openssl verify agrees', { skip }, async t => {
  const [rootKey, middleKey, leafKey, strangerKey] = [makeRsa(), makeRsa(), makeRsa(), makeRsa()]
  const byRoot = { subject: 'Root', key: rootKey }
  const byMiddle = { subject: 'Middle', key: middleKey }
  const root = makeCertificate({ subject: 'Root', key: rootKey, extensions: rootExtensions })
  const middle = (shape: object = {}) =>
    makeCertificate({
      subject: 'Middle',
      key: middleKey,
      issuer: byRoot,
      extensions: rootExtensions,
      ...shape,
    })
  const leaf = (shape: object = {}) =>
    makeCertificate({
      subject: 'Issuing',
      key: leafKey,
      issuer: byRoot,
      extensions: issuingExtensions,
      ...shape,
    })
  const deep = leaf({ issuer: byMiddle })
  const unknown = { id: '1.2.3.4', critical: true, value: '\x05\x00' }
  const issuedAt = Date.parse('2026-11-01T09:30:00Z')
  const cases: Record<string, X509Certificate[]> = {
    direct: [leaf()],
    deep: [deep, middle()],
    'no authority between': [deep, middle({ extensions: issuingExtensions })],
    'an authority that may not sign certificates': [deep, middle({ extensions: [authority] })],
    stranger: [leaf({ issuer: { subject: 'Root', key: strangerKey } })],
    'expired at issue': [leaf({ to: '2026-10-01T00:00:00Z' })],
    'not valid yet at issue': [leaf({ from: '2026-12-01T00:00:00Z' })],
    'unknown critical extension': [leaf({ extensions: [...issuingExtensions, unknown] })],
    'missing link': [deep],
  }
  const folder = t.testdir({})
  writeFileSync(join(folder, 'root.pem'), root.toString())
  // OpenSSL lets an authority without key usage sign others; this program wants it said.
  const stricterHere = new Set(['an authority that may not sign certificates'])
  for (const [name, chain] of Object.entries(cases)) {
    const ours = verifyChain(x5cOf(...chain), { trustedRoots: [root], revoked: new Set() }, issuedAt).ok
    chain.forEach((certificate, index) => {
      writeFileSync(join(folder, `${index}.pem`), certificate.toString())
    })
    const between = chain.length > 1 ? ['-untrusted', join(folder, '1.pem')] : []
    const attime = ['-attime', String(issuedAt / 1000)]
    const files = ['-CAfile', join(folder, 'root.pem'), ...between, join(folder, '0.pem')]
    const theirs = openssl('verify', ...attime, ...files)
    const verdict = theirs.status === 0
    if (stricterHere.has(name)) t.notOk(ours, name)
    else t.equal(ours, verdict, `${name}: ${verdict ? 'good' : 'bad'} ${theirs.stderr.split('\n')[1] ?? ''}`)
  }
})

test('path lengths: openssl verify agrees', { skip }, async t => {
  const [rootKey, middleKey, leafKey] = [makeRsa(), makeRsa(), makeRsa()]
  const middle = makeCertificate({
    subject: 'Middle',
    key: middleKey,
    issuer: { subject: 'Root', key: rootKey },
    extensions: rootExtensions,
  })
  const leaf = makeCertificate({
    subject: 'Issuing',
    key: leafKey,
    issuer: { subject: 'Middle', key: middleKey },
    extensions: issuingExtensions,
  })
  const folder = t.testdir({ 'middle.pem': middle.toString(), 'leaf.pem': leaf.toString() })
  for (const pathLenConstraint of [0, 1]) {
    const extensions = [{ ...authority, pathLenConstraint }, signsCertificates]
    const root = makeCertificate({ subject: 'Root', key: rootKey, extensions })
    writeFileSync(join(folder, 'root.pem'), root.toString())
    const trust = ['-CAfile', join(folder, 'root.pem'), '-untrusted', join(folder, 'middle.pem')]
    const theirs = openssl('verify', '-attime', '1793525400', ...trust, join(folder, 'leaf.pem'))
    const ours = verifyChain(
      x5cOf(leaf, middle),
      { trustedRoots: [root], revoked: new Set() },
      1_793_525_400_000,
    )
    t.equal(ours.ok, pathLenConstraint === 1)
    t.equal(theirs.status === 0, pathLenConstraint === 1, theirs.stderr)
  }
})

test('PS256: openssl dgst agrees', { skip }, async t => {
  const key = makeRsa()
  const certificate = makeCertificate({ subject: 'Issuing', key, extensions: issuingExtensions })
  const text = await signJws(
    makeLicense(),
    { alg: 'PS256', typ: 'license+jws', x5c: x5cOf(certificate) },
    key.privateKey,
  )
  const [header, payload, signature] = text.split('.') as [string, string, string]
  const folder = t.testdir({
    'key.pem': key.publicKey.export({ type: 'spki', format: 'pem' }) as string,
    'private.pem': key.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  })
  const path = (name: string) => join(folder, name)
  const pss = [
    '-sigopt',
    'rsa_padding_mode:pss',
    '-sigopt',
    'rsa_pss_saltlen:digest',
    '-sigopt',
    'rsa_mgf1_md:sha256',
  ]
  const expected = {
    type: 'license+jws',
    algorithm: 'PS256',
    parameters: ['alg', 'typ', 'x5c'],
    maxBytes: 65_536,
  } as const
  const holds = async (document: string) => {
    const jws = parseJws(document, expected)
    return jws.ok && signatureHolds(jws, key.publicKey, 'PS256')
  }
  const opensslHolds = (document: string) => {
    const end = document.lastIndexOf('.')
    writeFileSync(path('input'), document.slice(0, end))
    writeFileSync(path('signature'), Buffer.from(document.slice(end + 1), 'base64url'))
    const files = ['-verify', path('key.pem'), '-signature', path('signature'), path('input')]
    return openssl('dgst', '-sha256', ...pss, ...files).status === 0
  }
  const changed = `${header}.${payload.slice(0, -1)}${payload.endsWith('Q') ? 'A' : 'Q'}.${signature}`
  for (const [document, good] of [
    [text, true],
    [changed, false],
    [`${text.slice(0, -4)}AAAA`, false],
  ] as const) {
    t.equal(await holds(document), good)
    t.equal(opensslHolds(document), good)
  }

  writeFileSync(path('input'), `${header}.${payload}`)
  openssl('dgst', '-sha256', ...pss, '-sign', path('private.pem'), '-out', path('signature'), path('input'))
  const signedByOpenssl = `${header}.${payload}.${readFileSync(path('signature')).toString('base64url')}`
  t.equal(await holds(signedByOpenssl), true, 'a license signed by openssl is good')
  const plain = spawnSync('openssl', ['dgst', '-sha256', '-sign', path('private.pem'), path('input')])
  t.equal(
    await holds(`${header}.${payload}.${plain.stdout.toString('base64url')}`),
    false,
    'PKCS #1 v1.5 is not',
  )
})
