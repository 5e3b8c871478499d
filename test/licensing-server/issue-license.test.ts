import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { test } from 'tap'
import { machineThumbprint } from '../../src/license/machine-key.ts'
import { createMachineRequest, type MachineRequestContent } from '../../src/license/machine-request.ts'
import { verifyLicense } from '../../src/license/verify.ts'
import { makeIssuing, makeRoot } from '../../src/licensing-server/certificates.ts'
import {
  defaultTerms,
  endOfDay,
  issueLicense,
  type LicenseTerms,
} from '../../src/licensing-server/issue-license.ts'
import { signLicense } from '../../src/licensing-server/sign-license.ts'
import { machineFingerprint, makeLicense, fixtureNow as now } from '../license/setting.ts'

const root = await makeRoot({ organization: 'Acme', now, bits: 3072 })
const issuing = await makeIssuing({ root, now })
const issuer = { privateKey: issuing.privateKey, chain: [issuing.certificate] as const }
const machine = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const machineJkt = await machineThumbprint(machine.publicKey)
const requestId = randomUUID()

const request = (changes: Partial<MachineRequestContent> = {}) =>
  createMachineRequest(
    {
      product: 'call-services',
      version: '5.1.0',
      installationId: null,
      generation: 0,
      sessions: 10,
      fingerprint: machineFingerprint,
      hostname: 'calls-1',
      deactivationOf: null,
      ...changes,
    },
    { privateKey: machine.privateKey, requestId, now },
  )

const terms: LicenseTerms = {
  ...defaultTerms,
  customer: { id: 'acme', name: 'Acme Telephony' },
  maxSessions: 10,
  versions: { from: '5.0', to: '5.x' },
  expiresOn: '2027-12-31',
}

const judge = (text: string) =>
  verifyLicense(text, {
    trustedRoots: [root.certificate],
    revoked: new Set(),
    product: 'call-services',
    version: '5.1.0',
    fingerprint: machineFingerprint,
    machineJkt,
    now,
  })

test('a license for a machine', async t => {
  const result = await issueLicense(await request(), terms, issuer, now)
  if (!result.ok) return t.fail(result.problem.message)
  const verdict = await judge(result.text)
  t.match(verdict, { ok: true, fingerprintMatch: { matches: true } })
  t.same(verdict.license, result.license, 'what was signed is what is read')
  t.match(result.license, {
    generation: 1,
    requestId,
    maxSessions: 10,
    issuedAt: '2026-11-24T12:00:00Z',
    notBefore: '2026-11-24T12:00:00Z',
    expiresAt: '2027-12-31T23:59:59Z',
    cnf: { jkt: machineJkt },
    deactivated: false,
  })
  t.notOk('demonstration' in result.license)
  t.match(result.request, { hostname: 'calls-1' })
})

test('a license for a machine that had one', async t => {
  const installationId = randomUUID()
  const again = await request({ installationId, generation: 4 })
  const result = await issueLicense(
    again,
    { ...terms, notBefore: now + 86_400_000, expiresOn: null },
    issuer,
    now,
  )
  t.match(result, {
    license: { installationId, generation: 5, notBefore: '2026-11-25T12:00:00Z', expiresAt: null },
  })
})

test('deactivation and demonstration', async t => {
  const moved = await issueLicense(
    await request(),
    { ...terms, maxSessions: 0, deactivated: true },
    issuer,
    now,
  )
  t.match(moved, { ok: true, license: { deactivated: true } })
  const bare = await request({ fingerprint: null })
  t.match(await issueLicense(bare, { ...terms, demonstration: true }, issuer, now), {
    ok: true,
    license: { demonstration: true, fingerprint: null },
  })
})

test('a seat of Studio', async t => {
  const studio = { ...terms, product: 'studio', maxSessions: 0, seats: 1 }
  const result = await issueLicense(await request({ product: 'studio', sessions: null }), studio, issuer, now)
  t.match(result, { ok: true, license: { product: 'studio', seats: 1 } })
})

test('requests that no license is signed for', async t => {
  const refuses = async (text: string, code: string, message: RegExp) =>
    t.match(await issueLicense(text, terms, issuer, now), {
      ok: false,
      problem: { code, message, hint: /\w/ },
    })
  await refuses('hello', 'request-not-parsable', /not a request file/)
  await refuses(
    await request({ product: 'studio' }),
    'request-other-product',
    /for studio, the terms are for call-services/,
  )
  await refuses(
    await request({ version: '6.0' }),
    'request-other-version',
    /runs version 6\.0.* 5\.0 to 5\.x/,
  )
  await refuses(
    await request({ fingerprint: null }),
    'request-without-fingerprint',
    /calls-1 gave no fingerprint/,
  )
})

test('terms that cannot be signed', async t => {
  const sign = (changes: Partial<LicenseTerms>) => async () =>
    issueLicense(await request(), { ...terms, ...changes }, issuer, now)
  await t.rejects(sign({ maxSessions: -1 }), { code: 'license-terms-invalid', message: /\/maxSessions/ })
  await t.rejects(sign({ expiresOn: '2027-02-29' }), {
    code: 'license-terms-invalid',
    message: /no day of the calendar/,
  })
  await t.rejects(sign({ expiresOn: '2026-01-01' }), {
    code: 'license-terms-invalid',
    message: /\/expiresAt/,
  })
  const tomorrow = { ...makeLicense(), schema: 2 } as unknown as ReturnType<typeof makeLicense>
  await t.rejects(signLicense(tomorrow, issuer), { code: 'license-terms-invalid', message: /schema 2/ })
  await t.rejects(
    signLicense(makeLicense(), issuer),
    { code: 'issuing-certificate-invalid' },
    'issued before its certificate',
  )
  t.equal(endOfDay('2028-02-29'), '2028-02-29T23:59:59Z')
})
