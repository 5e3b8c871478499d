import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { readTrustedRoots } from '../../src/license/chain.ts'
import { judgeLicenseInForce } from '../../src/license/in-force.ts'
import { type LicenseProblemCode, licenseProblems } from '../../src/license/problems.ts'
import { revokedKeys, verifyRevocationList } from '../../src/license/revocation.ts'
import { authenticateLicense, type VerifyContext, verifyLicense } from '../../src/license/verify.ts'
import {
  fixtureNow,
  machineFingerprint,
  machineJkt,
  makeLicense,
  otherMachineFingerprint,
} from './setting.ts'

const fixture = (name: string) => readFileSync(join(import.meta.dirname, 'fixtures', name))
const trustedRoots = readTrustedRoots([{ name: 'root.pem', pem: fixture('root.pem').toString() }])
const revocation = await verifyRevocationList(fixture('revoked.jws'), trustedRoots)
if (!revocation.ok) throw new Error(revocation.problem.message)

const context: VerifyContext = {
  trustedRoots,
  revoked: revokedKeys([revocation.list]),
  product: 'call-services',
  version: '5.1.0',
  fingerprint: machineFingerprint,
  machineJkt,
  now: fixtureNow,
}
const inForce = { installationId: makeLicense().installationId, generation: 3 }

test('a valid license', async t => {
  const verdict = await verifyLicense(fixture('valid.license'), context)
  t.match(verdict, { ok: true, license: makeLicense(), fingerprintMatch: { matches: true } })
  t.ok(verdict.ok && verdict.issuer instanceof X509Certificate)
  t.match(await verifyLicense(fixture('valid.license').toString(), context), { ok: true }, 'as text')
  t.match(await verifyLicense(fixture('valid.license'), { ...context, inForce }), { ok: true }, 'again')
})

/** Which licenses are shown to the person who asks: those whose signature and schema are good. */
const shown = new Set<LicenseProblemCode>([
  'license-other-product',
  'license-other-version',
  'license-other-machine',
  'license-other-machine-key',
  'license-superseded',
  'license-not-yet-valid',
  'license-expired',
])

for (const code of Object.keys(licenseProblems) as LicenseProblemCode[]) {
  test(`${code}: a file of its own`, async t => {
    const verdict = await verifyLicense(fixture(`${code}.license`), { ...context, inForce })
    if (verdict.ok) return t.fail('it was accepted')
    t.equal(verdict.problem.code, code)
    t.match(verdict.problem.message, /^[A-Z].*\.$/, verdict.problem.message)
    t.match(verdict.problem.hint, /`(sessionctl|sessiond) [^`]+`/, 'the hint names a command')
    t.equal(verdict.license !== undefined, shown.has(code), 'only an authentic license is shown')
  })
}

test('messages give the values of the case', async t => {
  const messageOf = async (code: string, more: Partial<VerifyContext> = {}) => {
    const verdict = await verifyLicense(fixture(`${code}.license`), { ...context, ...more })
    return verdict.ok ? 'accepted' : verdict.problem.message
  }
  t.match(
    await messageOf('license-expired'),
    /2026-11-09 23:59:59 UTC.*grace ended on 2026-11-23 23:59:59 UTC/,
  )
  t.match(await messageOf('license-not-yet-valid'), /valid from 2027-01-01 00:00:00 UTC/)
  t.match(await messageOf('license-other-version'), /versions 4.0 to 4.x; this is 5.1.0/)
  t.match(await messageOf('license-other-product'), /for studio; this is call-services/)
  t.match(await messageOf('license-schema-too-new'), /schema 2; this program reads schema 1/)
  t.match(await messageOf('license-payload-invalid'), /\/maxSessions must be integer/)
  t.match(await messageOf('license-issuer-revoked'), /"Revoked Issuing" \(serial number 40/)
  t.match(
    await messageOf('license-wrong-type'),
    /type activation-request\+jws; a license has type license\+jws/,
  )
  t.match(await messageOf('license-other-machine-key', { machineJkt: null }), /this machine has none/)
  t.match(await messageOf('license-superseded', { inForce }), /generation 1 .*; generation 3 is in force/)
})

test('dates of a new license', async t => {
  t.match(
    await verifyLicense(fixture('in-grace.license'), context),
    { ok: true },
    'in grace it is still accepted',
  )
  const later = { ...context, now: Date.parse('2026-11-25T00:00:00Z') }
  t.match(await verifyLicense(fixture('in-grace.license'), later), { problem: { code: 'license-expired' } })
  const turnedBack = { ...context, now: Date.parse('1980-01-01T00:00:00Z') }
  t.match(
    await verifyLicense(fixture('valid.license'), turnedBack),
    { ok: true },
    'a clock before its issue is behind',
  )
  const expired = await authenticateLicense(fixture('license-expired.license'), context)
  t.match(expired, { ok: true }, 'authenticity says nothing about dates')
})

test('generations', async t => {
  const older = { installationId: inForce.installationId, generation: 4 }
  const verdict = await verifyLicense(fixture('valid.license'), { ...context, inForce: older })
  t.match(verdict, { ok: false, problem: { code: 'license-superseded' } })
  const other = { installationId: 'c0ffee00-0000-4000-8000-00000000ffff', generation: 4 }
  t.match(await verifyLicense(fixture('valid.license'), { ...context, inForce: other }), { ok: true })
})

test('a deactivated license is genuine, and dates do not matter to it', async t => {
  const late = { ...context, inForce, now: Date.parse('2040-01-01T00:00:00Z') }
  t.match(await verifyLicense(fixture('deactivated.license'), late), {
    ok: true,
    license: { deactivated: true },
  })
})

test('the machine', async t => {
  const { fingerprint: _, ...rest } = context
  const judge = (fingerprint: VerifyContext['fingerprint'], name = 'valid') =>
    verifyLicense(fixture(`${name}.license`), { ...rest, fingerprint })
  t.match(await judge(null), { problem: { code: 'license-other-machine' } }, 'a machine without facts')
  t.match(await judge('not-compared'), { ok: true, fingerprintMatch: null })
  t.match(await judge({ ...machineFingerprint, macs: otherMachineFingerprint.macs }), { ok: true })
  t.match(await judge(null, 'demonstration'), {
    ok: true,
    license: { demonstration: true },
    fingerprintMatch: null,
  })
  const elsewhere = { ...context, machineJkt: 'not-compared' as const }
  t.match(await verifyLicense(fixture('license-other-machine-key.license'), elsewhere), { ok: true })
})

test('trust', async t => {
  const judge = (more: Partial<VerifyContext>) =>
    verifyLicense(fixture('valid.license'), { ...context, ...more })
  t.match(await judge({ trustedRoots: [] }), { problem: { code: 'license-chain-untrusted' } })
  const forgotten = await verifyLicense(fixture('license-issuer-revoked.license'), {
    ...context,
    revoked: new Set(),
  })
  t.match(forgotten, { ok: true }, 'without the list, the revoked certificate would pass')
})

test('every flipped bit is refused (a sample; all of them at the ends of each part)', async t => {
  const good = fixture('valid.license')
  const text = good.toString().trim()
  const seams = [0, text.indexOf('.'), text.lastIndexOf('.'), good.length - 1]
  let refused = 0
  for (let index = 0; index < good.length; index++) {
    if (index % 41 !== 0 && !seams.some(seam => Math.abs(seam - index) <= 3)) continue
    for (let bit = 0; bit < 8; bit++) {
      const changed = Buffer.from(good)
      changed[index]! ^= 1 << bit
      const verdict = await verifyLicense(changed, context)
      if (verdict.ok) t.fail(`bit ${bit} of byte ${index} makes no difference`)
      else refused++
    }
  }
  t.ok(refused > 800, `${refused} changed files refused`)
})

test('the license in force', async t => {
  const clock = { now: fixtureNow, lastReactivationAt: null }
  const judge = (name: string, more: Partial<VerifyContext> = {}) =>
    judgeLicenseInForce(fixture(`${name}.license`), { ...context, ...more }, clock)
  t.match(await judgeLicenseInForce(null, context, clock), {
    license: null,
    lifecycle: { state: 'unlicensed' },
    problem: null,
  })
  t.match(await judge('valid'), { license: { generation: 3 }, lifecycle: { state: 'active' }, problem: null })
  t.match(await judge('in-grace'), { lifecycle: { state: 'grace', admits: true } })
  t.match(await judge('license-expired'), { lifecycle: { state: 'expired', admits: false }, problem: null })
  t.match(await judge('deactivated'), { lifecycle: { state: 'deactivated', refusal: 'license-deactivated' } })
  for (const code of ['license-other-machine', 'license-other-machine-key']) {
    t.match(await judge(code), { license: {}, lifecycle: { state: 'machine-mismatch' }, problem: { code } })
  }
  const revoked = await judge('license-issuer-revoked')
  t.match(revoked, {
    license: null,
    lifecycle: { state: 'unlicensed' },
    problem: { code: 'license-issuer-revoked' },
  })
  t.equal(
    revoked.lifecycle.message,
    revoked.problem?.message,
    'it says what is wrong, not that there is nothing',
  )
  t.match(await judge('valid', { version: '6.0.0' }), {
    license: null,
    lifecycle: { state: 'unlicensed' },
    problem: { code: 'license-other-version' },
  })
})
