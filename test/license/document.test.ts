import { test } from 'tap'
import { readLicensePayload } from '../../src/license/document.ts'
import { formatInstant, parseInstant, sayInstant } from '../../src/license/instant.ts'
import { makeLicense } from './setting.ts'

const flawsOf = (changes: object) => {
  const reading = readLicensePayload({ ...makeLicense(), ...changes })
  return 'flaws' in reading ? reading.flaws.map(flaw => `${flaw.path} ${flaw.what}`).join('; ') : ''
}

test('payloads that are good', async t => {
  t.match(readLicensePayload(makeLicense()), { ok: true, license: makeLicense() })
  const studio = makeLicense({ product: 'studio', maxSessions: 0, seats: 1 })
  t.match(readLicensePayload(studio), { ok: true })
  t.match(
    readLicensePayload(makeLicense({ product: 'tomorrow', seats: 1 })),
    { ok: true },
    'a product not known yet',
  )
  t.match(readLicensePayload(makeLicense({ demonstration: true, fingerprint: null })), { ok: true })
  const least = makeLicense({ expiresAt: null, overdraft: null, offlineAdmission: null, features: [] })
  t.match(readLicensePayload(least), { ok: true })
})

test('fields of tomorrow are tolerated', async t => {
  const reading = readLicensePayload({
    ...makeLicense(),
    salesRegion: 'EMEA',
    customer: { id: 'a', name: 'A', tier: 1 },
  })
  t.match(reading, { ok: true, license: { maxSessions: 100 } })
})

test('schemas of tomorrow are not', async t => {
  t.match(readLicensePayload({ schema: 2, nothing: 'else is known' }), { ok: false, schemaTooNew: 2 })
  t.match(flawsOf({ schema: 0 }), /\/schema/)
  t.match(flawsOf({ schema: '1' }), /\/schema/)
})

test('payloads that are wrong', async t => {
  for (const payload of [undefined, null, 'text', [], {}]) t.match(readLicensePayload(payload), { ok: false })
  for (const [changes, where] of Object.entries({
    licenseId: 'no uuid',
    installationId: 'C0FFEE00-0000-4000-8000-000000000001',
    generation: 0,
    requestId: 7,
    customer: { id: 'acme', name: 'turns \u001b[31m red' },
    product: 'Call Services',
    versions: { from: 'x', to: '5' },
    maxSessions: -1,
    seats: 2,
    features: ['recording', 'recording'],
    issuedAt: '2026-11-01',
    notBefore: '2026-11-01T00:00:00+01:00',
    expiresAt: 'never',
    graceDays: 1.5,
    fingerprint: { scheme: 2 },
    cnf: { jkt: 'short' },
    reactivation: { intervalHours: 0, requiredWithinDays: null },
    overdraft: { sessions: 10 },
    reservationsAllowed: 'yes',
    offlineAdmission: { calls: 5 },
    emergencyClass: null,
    deactivated: 0,
    demonstration: 'no',
  }).map(([name, value]) => [{ [name]: value }, name] as const)) {
    t.match(flawsOf(changes), `/${where}`, where)
  }
})

test('bounds of what grows', async t => {
  t.match(flawsOf({ features: Array.from({ length: 65 }, (_, index) => `f${index}`) }), '/features')
  t.match(flawsOf({ customer: { id: 'acme', name: 'A'.repeat(201) } }), '/customer/name')
  t.match(flawsOf({ maxSessions: 1_000_001 }), '/maxSessions')
  const many = readLicensePayload({ schema: 1 })
  t.ok('flaws' in many && many.flaws.length <= 10, 'and no list of flaws without end')
})

test('contradictions', async t => {
  t.equal(flawsOf({ issuedAt: '2026-02-30T00:00:00Z' }), '/issuedAt must be a day of the calendar')
  t.equal(flawsOf({ expiresAt: '2026-10-31T23:59:59Z' }), '/expiresAt must not be before notBefore')
  t.match(flawsOf({ seats: 1 }), '/seats must be 0 for call-services')
  t.match(flawsOf({ product: 'studio' }), '/maxSessions must be 0 for studio')
  t.match(flawsOf({ fingerprint: null }), '/fingerprint must be given')
})

test('instants', async t => {
  t.equal(parseInstant('2027-12-31T23:59:59Z'), 1_830_297_599_000)
  t.equal(parseInstant('2027-12-31T23:59:59.250Z'), 1_830_297_599_250)
  t.equal(parseInstant('2028-02-29T00:00:00Z'), Date.UTC(2028, 1, 29))
  for (const text of [
    '2027-02-29T00:00:00Z',
    '2027-13-01T00:00:00Z',
    '2027-01-01T24:00:00Z',
    '2027-01-01',
    'now',
    '',
  ]) {
    t.equal(parseInstant(text), null, text)
  }
  t.equal(formatInstant(1_830_297_599_250), '2027-12-31T23:59:59Z')
  t.equal(sayInstant(1_830_297_599_250), '2027-12-31 23:59:59 UTC')
})
