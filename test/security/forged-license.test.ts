import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readTrustedRoots } from '../../src/license/chain.ts'
import { verifyLicense } from '../../src/license/verify.ts'
import { readIssuer } from '../../src/licensing-server/authority-files.ts'
import {
  assembleJws,
  fixtureNow,
  machineFingerprint,
  machineJkt,
  makeLicense,
  signJws,
} from '../license/setting.ts'
import { authorityFolder } from '../support/site.ts'

const rootPem = readFileSync(join(authorityFolder, 'trust/root.pem'), 'utf8')
const issuer = readIssuer(authorityFolder, fixtureNow)
const x5c = issuer.chain.map(({ raw }) => raw.toString('base64'))
const header = { alg: 'PS256', typ: 'license+jws', x5c }

async function judge(text: string): Promise<string> {
  const verdict = await verifyLicense(text, {
    trustedRoots: readTrustedRoots([{ name: 'root.pem', pem: rootPem }]),
    revoked: new Set(),
    product: 'call-services',
    version: '5.1.0',
    fingerprint: machineFingerprint,
    machineJkt,
    now: fixtureNow,
  })
  return verdict.ok ? 'valid' : verdict.problem.code
}

t.test('no other algorithm, though its signature be good', async t => {
  const license = makeLicense()
  const { privateKey, chain } = issuer
  t.equal(
    await judge(await signJws(license, header, privateKey)),
    'valid',
    'what is forged below is good otherwise',
  )
  // All by the very key of the issuer: what is refused is the algorithm, not the signature.
  for (const alg of ['RS256', 'RS512', 'PS384', 'PS512']) {
    t.equal(
      await judge(await signJws(license, { ...header, alg }, privateKey)),
      'license-algorithm-refused',
      alg,
    )
  }
  // The public key, in each form in which it may be taken for a shared secret.
  const { publicKey } = chain[0]
  for (const secret of [
    Buffer.from(publicKey.export({ type: 'spki', format: 'pem' }) as string),
    publicKey.export({ type: 'spki', format: 'der' }) as Buffer,
    chain[0].raw,
  ]) {
    t.equal(
      await judge(await signJws(license, { ...header, alg: 'HS256' }, secret)),
      'license-algorithm-refused',
    )
  }
  for (const alg of ['none', 'None', 'NONE', '', 'ps256', 'PS256 ']) {
    const text = assembleJws({ ...header, alg }, license, Buffer.alloc(384))
    t.equal(await judge(text), 'license-algorithm-refused', `"${alg}"`)
  }
  const [head, payload] = (await signJws(license, header, privateKey)).split('.')
  t.equal(await judge(`${head}.${payload}.`), 'license-not-parsable', 'no signature at all')
})

t.test('no key comes from the header, though it signed what is there', async t => {
  const license = makeLicense()
  const jwk = issuer.chain[0].publicKey.export({ format: 'jwk' })
  const more: Record<string, unknown>[] = [
    { jwk },
    { jku: 'https://vendor.example/keys' },
    { kid: '../../../../dev/null' },
    { x5u: 'https://vendor.example/chain' },
    { x5t: 'AAAA' },
    { cty: 'JWT' },
  ]
  for (const one of more) {
    const text = await signJws(license, { ...header, ...one }, issuer.privateKey)
    t.equal(await judge(text), 'license-key-source-refused', Object.keys(one).join())
  }
  for (const one of [
    { crit: ['b64'], b64: false },
    { crit: ['exp'], exp: 1 },
    { zip: 'DEF' },
    { b64: false },
  ]) {
    const text = assembleJws({ ...header, ...one }, license, Buffer.alloc(384))
    t.equal(await judge(text), 'license-key-source-refused', JSON.stringify(one))
  }
})
