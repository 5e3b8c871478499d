import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'tap'
import { readCertificateTerms } from '../../src/license/certificate-terms.ts'
import { readTrustedRoots, verifyChain } from '../../src/license/chain.ts'
import { makeIssuing, makeRoot } from '../../src/licensing-server/certificates.ts'
import { makeCertificate, makeRsa, rootExtensions } from '../license/certificate-factory.ts'

const now = Date.parse('2026-11-24T12:00:00Z')
const root = await makeRoot({ organization: 'Müller & Söhne Telefonie', now, bits: 3072 })
const issuing = await makeIssuing({ root, now })

test('the root', async t => {
  t.match(readCertificateTerms(root.certificate.raw), {
    isAuthority: true,
    pathLength: 1,
    keyUsage: new Set(['keyCertSign', 'cRLSign']),
    purposes: null,
  })
  t.equal(root.certificate.validFromDate.toISOString(), '2026-11-24T12:00:00.000Z')
  t.equal(root.certificate.validToDate.toISOString(), '2046-11-24T12:00:00.000Z')
  t.match(root.certificate.subject, 'O=Müller & Söhne Telefonie')
  t.match(root.certificate.subject, 'CN=Müller & Söhne Telefonie License Root')
  t.ok(root.certificate.checkPrivateKey(root.privateKey))
  t.equal(readTrustedRoots([{ name: 'root', pem: root.certificate.toString() }]).length, 1)
})

test('the issuing certificate', async t => {
  t.match(readCertificateTerms(issuing.certificate.raw), {
    isAuthority: false,
    keyUsage: new Set(['digitalSignature']),
    purposes: ['698282eeadfbdb8bb290bf939f919582afe5fb35'],
  })
  t.same(
    issuing.certificate.keyUsage,
    ['2.25.172043428733338697664610683872039501237'],
    'as OpenSSL spells the purpose',
  )
  t.equal(issuing.certificate.publicKey.asymmetricKeyDetails?.modulusLength, 3072)
  t.equal(
    issuing.certificate.issuer,
    root.certificate.subject,
    'names beyond ASCII are the same on both sides',
  )
  t.match(issuing.certificate.subject, 'CN=Müller & Söhne Telefonie License Issuing')
  t.ok(issuing.certificate.checkIssued(root.certificate))
  const x5c = [issuing.certificate.raw.toString('base64')]
  t.match(verifyChain(x5c, { trustedRoots: [root.certificate], revoked: new Set() }, now), { ok: true })
  t.not(issuing.certificate.serialNumber, (await makeIssuing({ root, now })).certificate.serialNumber)
})

test('a root that another program made', async t => {
  const key = makeRsa()
  const certificate = makeCertificate({ subject: 'Plain Root', key, extensions: rootExtensions })
  const under = await makeIssuing({ root: { certificate, privateKey: key.privateKey }, now })
  t.match(under.certificate.subject, 'CN=Plain Root License Issuing')
  t.ok(under.certificate.checkIssued(certificate))
})

const withOpenssl = spawnSync('openssl', ['version']).status === 0 ? false : 'openssl is not installed'

test('openssl verify takes them in its strict mode', { skip: withOpenssl }, async t => {
  const folder = t.testdir({
    'root.pem': root.certificate.toString(),
    'issuing.pem': issuing.certificate.toString(),
  })
  const args = ['verify', '-x509_strict', '-attime', String(now / 1000), '-CAfile', join(folder, 'root.pem')]
  const result = spawnSync('openssl', [...args, join(folder, 'issuing.pem')], { encoding: 'utf8' })
  t.match(result, { status: 0, stdout: /OK/ }, result.stderr)
})

test('validity', async t => {
  const late = Date.parse('2046-01-01T00:00:00Z')
  const last = await makeIssuing({ root, now: late, years: 5 })
  t.equal(
    last.certificate.validToDate.getTime(),
    root.certificate.validToDate.getTime(),
    'never beyond the root',
  )
  const tooLate = Date.parse('2046-11-24T12:00:01Z')
  await t.rejects(makeIssuing({ root, now: tooLate }), {
    code: 'root-certificate-expired',
    message: /2046-11-24/,
  })
  const long = await makeRoot({ organization: 'Acme', now, years: 30, bits: 3072 })
  t.equal(long.certificate.validToDate.getUTCFullYear(), 2056, 'years past 2049, which are written otherwise')
})

test('what is refused', async t => {
  for (const organization of ['', 'A'.repeat(41), 'Acme\nCN=Other']) {
    await t.rejects(makeRoot({ organization, now }), { code: 'organization-invalid' })
  }
  await t.rejects(makeRoot({ organization: 'Acme', now, bits: 2048 }), {
    code: 'key-too-short',
    message: /3072/,
  })
  await t.rejects(makeIssuing({ root, now, bits: 1024 }), { code: 'key-too-short' })
})
