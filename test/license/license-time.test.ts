import fc from 'fast-check'
import { test } from 'tap'
import { dayMs } from '../../src/license/instant.ts'
import {
  advanceLicenseClock,
  type LicenseClock,
  leapMs,
  licenseTime,
  settleAfterMs,
  unsetLicenseClock,
  wallClockIsBehind,
  witnessLicense,
} from '../../src/license/license-time.ts'
import { parameters } from '../property.ts'

const minute = 60_000
const hour = 60 * minute
const year = 365 * dayMs
const issuedAt = Date.parse('2026-11-01T09:30:00Z')
const start = Date.parse('2026-11-24T12:00:00Z')

/** A daemon that has run for a day under a good clock since its license was installed. */
const settled = run(witnessLicense(unsetLicenseClock, issuedAt), start - dayMs, dayMs)

/** Runs for `forMs` in ticks of a minute, with the wall clock at `wall` at the beginning. */
function run(clock: LicenseClock, wall: number, forMs: number, tick = minute): LicenseClock {
  let result = clock
  for (let ran = tick; ran <= forMs; ran += tick) result = advanceLicenseClock(result, wall + ran, tick)
  return result
}

test('license time is the higher of wall clock and high water', async t => {
  t.equal(licenseTime(start, unsetLicenseClock), start)
  t.equal(licenseTime(start, { ...unsetLicenseClock, highWater: start + hour }), start + hour)
  t.equal(settled.highWater, start, 'a good clock carries the high water with it')
})

test('turning the clock back gains nothing', async t => {
  for (const back of [minute, hour, dayMs, year, 20 * year]) {
    const later = run(settled, start - back, 3 * hour)
    t.equal(
      licenseTime(start - back + 3 * hour, later),
      start + 3 * hour,
      `${back} ms back: run time counts on`,
    )
  }
  t.notOk(wallClockIsBehind(start - hour, settled))
  t.ok(wallClockIsBehind(start - 2 * dayMs, settled))
})

test('turning it back at each start gains nothing', async t => {
  let clock = settled
  for (let boot = 0; boot < 30; boot++) clock = run(clock, start - year, dayMs, hour)
  t.equal(licenseTime(start - year, clock), start + 30 * dayMs)
})

test('small steps forward are believed at once', async t => {
  t.equal(run(settled, start + leapMs, minute).highWater, start + leapMs + minute)
})

test('a leap ahead counts while it stands, and leaves no trace where it was put right', async t => {
  for (const ahead of [hour, dayMs, 20 * year]) {
    const wrong = run(settled, start + ahead, 30 * minute)
    t.equal(
      licenseTime(start + ahead + 30 * minute, wrong),
      start + ahead + 30 * minute,
      'believed while it stands',
    )
    const right = run(wrong, start + 30 * minute, minute)
    t.equal(licenseTime(start + 31 * minute, right), start + 31 * minute, `${ahead} ms ahead is forgotten`)
    t.equal(right.aheadMs, 0)
  }
})

test('a leap that stands for an hour of run time is believed for good', async t => {
  const slept = run(settled, start + 40 * dayMs, settleAfterMs)
  t.equal(slept.highWater, start + 40 * dayMs + settleAfterMs)
  let restarted = settled
  for (let boot = 0; boot < 6; boot++) restarted = run(restarted, start + 40 * dayMs, 10 * minute)
  t.ok(restarted.highWater > start + 40 * dayMs, 'restarts do not start the hour again')
})

test('a signed time raises license time', async t => {
  const signed = start + 30 * dayMs
  t.equal(licenseTime(start, witnessLicense(settled, signed)), signed)
  t.same(witnessLicense(settled, issuedAt), settled, 'one that was seen before changes nothing')
  t.same(witnessLicense(settled, issuedAt - year), settled)
})

test('a clock that was wrong for long is cured by the next license', async t => {
  const poisoned = run(settled, start + 14 * year, 2 * hour)
  t.ok(
    licenseTime(start + 3 * hour, poisoned) > start + 14 * year,
    'the right wall clock alone does not help',
  )
  t.ok(
    licenseTime(start, witnessLicense(poisoned, issuedAt)) > start + 14 * year,
    'nor the same license again',
  )
  const cured = witnessLicense(poisoned, start + 3 * hour)
  t.equal(licenseTime(start + 3 * hour, cured), start + 3 * hour)
})

test('a license that was held back does not turn back the time that was run', async t => {
  const heldBack = start + minute
  const ran = run(settled, start, 90 * dayMs, hour)
  const clock = witnessLicense(ran, heldBack)
  const proven = issuedAt + dayMs + 90 * dayMs
  t.equal(licenseTime(heldBack, clock), proven, 'signed time and the time run since are proven')
})

test('before the first license nothing is proven', async t => {
  const clock = run(unsetLicenseClock, start, 2 * hour)
  t.match(clock, { highWater: start + 2 * hour, signedAt: 0 })
  t.equal(witnessLicense(clock, issuedAt).highWater, issuedAt)
})

test('run time is never negative', async t => {
  t.equal(advanceLicenseClock(settled, start, -hour).highWater, start)
})

test('properties', async t => {
  const step = fc.record({
    wall: fc.integer({ min: start - 10 * year, max: start + 10 * year }),
    ranMs: fc.integer({ min: 0, max: 2 * hour }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      let clock = settled
      for (const { wall, ranMs } of steps) {
        const next = advanceLicenseClock(clock, wall, ranMs)
        if (next.highWater < clock.highWater + ranMs) return false
        if (next.provenAt !== clock.provenAt + ranMs || next.highWater < next.provenAt) return false
        clock = next
      }
      return true
    }),
    parameters(200),
  )
  t.pass('the high water rises by at least the time run, and no wall clock moves what is proven')
})
