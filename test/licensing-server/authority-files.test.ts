import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import tap, { type Test, test } from 'tap'
import { readTrustedRoots } from '../../src/license/chain.ts'
import { revokedKeys, verifyRevocationList } from '../../src/license/revocation.ts'
import { type VerifyContext, verifyLicense } from '../../src/license/verify.ts'
import {
  authorityPaths,
  initAuthority,
  readIssuer,
  readRoot,
  renewIssuing,
} from '../../src/licensing-server/authority-files.ts'
import {
  readRevocationList,
  revokeCertificate,
  signRevocationList,
} from '../../src/licensing-server/revocation-list.ts'
import { signLicense } from '../../src/licensing-server/sign-license.ts'
import { machineFingerprint, machineJkt, makeLicense, fixtureNow as now } from '../license/setting.ts'

const yearMs = 365.25 * 86_400_000

/** One authority for all tests, since its keys take a second: each test works on a copy. */
const original = join(tap.testdir({}), 'authority')
const issuer = await initAuthority(original, { organization: 'Acme', now, rootBits: 3072 })

function copyAuthority(t: Test): string {
  const directory = join(t.testdir({}), 'authority')
  cpSync(original, directory, { recursive: true })
  return directory
}

const at = (directory: string, path: keyof typeof authorityPaths) => join(directory, authorityPaths[path])
const mode = (path: string) => (statSync(path).mode & 0o777).toString(8)

function trustOf(directory: string): VerifyContext {
  const pem = readFileSync(at(directory, 'trustedRoot'), 'utf8')
  return {
    trustedRoots: readTrustedRoots([{ name: 'root.pem', pem }]),
    revoked: new Set(),
    product: 'call-services',
    version: '5.1.0',
    fingerprint: machineFingerprint,
    machineJkt,
    now,
  }
}

async function judge(text: string, context: VerifyContext): Promise<string> {
  const verdict = await verifyLicense(text, context)
  return verdict.ok ? 'good' : verdict.problem.code
}

const licenseAt = (instant: number) => {
  const issuedAt = new Date(instant).toISOString()
  return makeLicense({ issuedAt, notBefore: issuedAt, expiresAt: null })
}

test('what init leaves on disk', async t => {
  t.same(readdirSync(original).sort(), ['issuing', 'root', 'trust'])
  t.same(readdirSync(join(original, 'root')).sort(), ['root.key', 'root.pem'])
  t.same(readdirSync(join(original, 'issuing')).sort(), ['issuing.key', 'issuing.pem', 'previous'])
  t.same(readdirSync(join(original, 'trust')), ['root.pem'])
  for (const folder of ['root', 'issuing']) t.equal(mode(join(original, folder)), '700', folder)
  for (const key of ['rootKey', 'issuingKey'] as const) t.equal(mode(at(original, key)), '600', key)
  t.equal(mode(at(original, 'trustedRoot')), '644')
  t.ok(readIssuer(original, now).chain[0].raw.equals(issuer.chain[0].raw), 'and what is read from it')
})

test('an authority is never overwritten', async t => {
  await t.rejects(initAuthority(original, { organization: 'Acme', now }), {
    code: 'authority-exists',
    hint: /renew-issuing/,
  })
  const directory = copyAuthority(t)
  renameSync(join(directory, 'root'), join(t.testdirName, 'safe'))
  await t.rejects(
    initAuthority(directory, { organization: 'Acme', now }),
    { code: 'authority-exists' },
    'with the root offline',
  )
})

test('licenses are signed with the root offline', async t => {
  const directory = copyAuthority(t)
  rmSync(join(directory, 'root'), { recursive: true })
  const text = await signLicense(licenseAt(now), readIssuer(directory, now))
  t.equal(await judge(text, trustOf(directory)), 'good')
  t.throws(() => readRoot(directory), { code: 'root-unavailable', hint: /Bring the folder root back/ })
  await t.rejects(renewIssuing(directory, { now }), { code: 'root-unavailable' })
})

test('a new issuing certificate: licenses of the old one stay good', async t => {
  const directory = copyAuthority(t)
  const trust = trustOf(directory)
  const oldLicense = await signLicense(licenseAt(now), readIssuer(directory, now))
  const later = now + 3 * yearMs
  t.throws(() => readIssuer(directory, later), {
    code: 'issuing-certificate-invalid',
    message: /expired on 2028-11-24/,
  })
  const renewed = await renewIssuing(directory, { now: later, issuingYears: 1 })
  t.ok(readIssuer(directory, later).chain[0].raw.equals(renewed.chain[0].raw))
  t.same(readdirSync(join(directory, authorityPaths.previous)), [`${issuer.chain[0].serialNumber}.pem`])
  const newLicense = await signLicense(licenseAt(later), renewed)
  const atThatTime = { ...trust, now: later }
  t.equal(await judge(newLicense, atThatTime), 'good')
  t.equal(await judge(oldLicense, atThatTime), 'good', 'its certificate was valid when it was issued')
  await t.rejects(signLicense(licenseAt(now), renewed), {
    code: 'issuing-certificate-invalid',
    message: /valid from 2029/,
  })
})

test('a revoked issuing certificate: its licenses are refused, others stay good', async t => {
  const directory = copyAuthority(t)
  const trust = trustOf(directory)
  t.equal(await readRevocationList(directory, trust.trustedRoots[0]!), null)
  const oldLicense = await signLicense(licenseAt(now), readIssuer(directory, now))
  const renewed = await renewIssuing(directory, { now })
  const newLicense = await signLicense(licenseAt(now), renewed)
  const oldPem = readFileSync(
    join(directory, authorityPaths.previous, `${issuer.chain[0].serialNumber}.pem`),
    'utf8',
  )
  const { text, list } = await revokeCertificate(directory, oldPem, { reason: 'Stolen', now })
  t.match(list, { number: 1, revoked: [{ serialNumber: issuer.chain[0].serialNumber, reason: 'Stolen' }] })
  const verdict = await verifyRevocationList(
    readFileSync(at(directory, 'revocationList')),
    trust.trustedRoots,
  )
  t.same(verdict, { ok: true, list }, 'the file is what was returned')
  const revoked = revokedKeys([list])
  t.equal(await judge(oldLicense, { ...trust, revoked }), 'license-issuer-revoked')
  t.equal(await judge(newLicense, { ...trust, revoked }), 'good')

  const again = await revokeCertificate(directory, oldPem, { reason: 'Stolen, confirmed', now })
  t.match(again.list, { number: 2, revoked: [{ reason: 'Stolen, confirmed' }] })
  t.equal(again.list.revoked.length, 1, 'it stands there once')
  const both = await revokeCertificate(directory, renewed.chain[0].toString(), { reason: 'Retired', now })
  t.equal(both.list.revoked.length, 2)
  t.not(text, again.text)
})

test('revocations that are refused', async t => {
  const directory = copyAuthority(t)
  const root = readRoot(directory)
  const revoke = (pem: string, reason = 'Stolen') => revokeCertificate(directory, pem, { reason, now })
  await t.rejects(revoke('hello'), { code: 'certificate-unreadable', hint: /previous/ })
  await t.rejects(revoke(root.certificate.toString()), { code: 'root-not-revocable' })
  await t.rejects(revoke(issuer.chain[0].toString(), ''), {
    code: 'revocation-list-invalid',
    message: /reason/,
  })
  t.notOk(existsSync(at(directory, 'revocationList')), 'nothing was written')
  const foreign = { ...root, privateKey: issuer.privateKey }
  const forged = await signRevocationList(
    { number: 1, issuedAt: '2026-11-24T12:00:00Z', revoked: [] },
    foreign,
  )
  writeFileSync(at(directory, 'revocationList'), forged)
  await t.rejects(revoke(issuer.chain[0].toString()), { code: 'revocation-list-untrusted', hint: /backup/ })
})

test('files that do not belong together', async t => {
  const directory = copyAuthority(t)
  const refuses = (message: RegExp) =>
    t.throws(() => readIssuer(directory, now), {
      code: 'issuing-certificate-invalid',
      message,
      hint: /renew-issuing/,
    })
  cpSync(at(directory, 'rootKey'), at(directory, 'issuingKey'))
  refuses(/the key of another certificate/)
  writeFileSync(at(directory, 'issuingKey'), 'hello')
  refuses(/issuing\.key cannot sign/)
  rmSync(at(directory, 'issuingKey'))
  refuses(/ENOENT/)
  writeFileSync(at(directory, 'issuingCertificate'), 'hello')
  refuses(/no certificate in PEM/)
  rmSync(at(directory, 'issuingCertificate'))
  refuses(/ENOENT/)
})

test('a renewal that was cut short is told and can be repeated', async t => {
  const directory = copyAuthority(t)
  const oldPem = readFileSync(at(directory, 'issuingCertificate'))
  await renewIssuing(directory, { now })
  writeFileSync(at(directory, 'issuingCertificate'), oldPem)
  t.throws(() => readIssuer(directory, now), { code: 'issuing-certificate-invalid' })
  await renewIssuing(directory, { now })
  t.match(
    await judge(await signLicense(licenseAt(now), readIssuer(directory, now)), trustOf(directory)),
    'good',
  )
})
