import fc from 'fast-check'
import t from 'tap'
import {
  firstBackoffMs,
  isDue,
  maxBackoffMs,
  maxRetryAfterMs,
  nextAttemptAt,
  type Past,
  type Question,
  splayShare,
  startSplayMs,
} from '../../../src/daemon/reactivation/schedule.ts'
import { dayMs, formatInstant } from '../../../src/license/instant.ts'
import { parameters } from '../../property.ts'

const hour = 3_600_000
const year = 365 * dayMs
const now = Date.parse('2026-11-24T12:00:00Z')

const nothing: Past = { attemptedAt: null, answeredAt: null, failures: 0, refused: false, retryAfterMs: 0 }

function licenseOf(of: {
  issuedAt?: number
  intervalHours?: number
  withinDays?: number | null
  deactivated?: boolean
}) {
  const { issuedAt = now, intervalHours = 24, withinDays = null, deactivated = false } = of
  return {
    licenseId: 'c0ffee00-0000-4000-8000-000000000001',
    issuedAt: formatInstant(issuedAt),
    reactivation: { intervalHours, requiredWithinDays: withinDays },
    deactivated,
  }
}

function ask(changes: Partial<Question> = {}): number | null {
  return nextAttemptAt({
    license: licenseOf({}),
    isLost: false,
    urgent: false,
    confirmedLicenseId: null,
    past: nothing,
    intervalMs: null,
    now,
    random: 0,
    ...changes,
  })
}

t.test('whoever keeps no plan asks whether it is due', async t => {
  const due = (changes: Partial<Question>) =>
    isDue({
      license: licenseOf({}),
      isLost: false,
      urgent: false,
      confirmedLicenseId: null,
      past: nothing,
      intervalMs: null,
      now,
      random: 0,
      ...changes,
    })
  t.notOk(due({ license: null }))
  t.notOk(due({}))
  t.notOk(due({ now: now + 24 * hour - 1 }))
  t.ok(due({ now: now + 24 * hour }), 'after the interval')
  t.ok(due({ now: now + 300 * hour, random: 0.999 }), 'and it stays due, whatever chance says')
  t.ok(due({ now: now + 20 * hour, random: 0.999 }), 'chance shortens the interval')
  const failed: Past = { ...nothing, attemptedAt: now, failures: 1 }
  t.notOk(due({ past: failed, random: 0.5, now: now + firstBackoffMs / 2 - 1 }))
  t.ok(due({ past: failed, random: 0.5, now: now + firstBackoffMs / 2 }), 'after a pause')
  const told: Past = { ...failed, retryAfterMs: hour }
  t.notOk(due({ past: told, now: now + hour - 1 }), 'the server asked for more')
  t.ok(due({ past: told, now: now + hour }))
  const deactivated = licenseOf({ deactivated: true })
  t.ok(due({ license: deactivated }), 'a deactivation waits to be confirmed')
  t.notOk(due({ license: deactivated, confirmedLicenseId: deactivated.licenseId }))
  t.ok(due({ past: failed, now: now - year }), 'a clock that was turned back delays nothing')
})

t.test('the interval is counted from the last answer, or from the date of issue', async t => {
  t.equal(ask(), now + 24 * hour)
  t.equal(ask({ random: 0.5 }), now + 24 * hour * (1 - splayShare / 2), 'chance only brings it forward')
  const issuedAt = now - 5 * hour
  t.equal(ask({ license: licenseOf({ issuedAt }) }), issuedAt + 24 * hour)
  const past = { ...nothing, attemptedAt: now - hour, answeredAt: now - hour }
  t.equal(ask({ license: licenseOf({ issuedAt }), past }), now + 23 * hour)
})

t.test('a shorter interval of the configuration counts, a longer one does not', async t => {
  t.equal(ask({ intervalMs: hour }), now + hour)
  t.equal(ask({ intervalMs: 48 * hour }), now + 24 * hour)
})

t.test('what is required within some days is asked for in half of them', async t => {
  t.equal(ask({ license: licenseOf({ intervalHours: 720, withinDays: 10 }) }), now + 5 * dayMs)
})

t.test('a license that runs out, or that was refused, is asked for daily', async t => {
  const license = licenseOf({ intervalHours: 8000 })
  t.equal(ask({ license }), now + 8000 * hour)
  t.equal(ask({ license, urgent: true }), now + dayMs)
  const past = { ...nothing, attemptedAt: now, answeredAt: now, refused: true }
  t.equal(ask({ license, past }), now + dayMs)
})

t.test('without a license there is nothing to ask for', async t => {
  t.equal(ask({ license: null }), null)
})

t.test('a license that grants nothing is confirmed at once, and once', async t => {
  const license = licenseOf({ deactivated: true })
  t.equal(ask({ license }), now)
  t.equal(ask({ license, confirmedLicenseId: license.licenseId }), null)
  t.equal(ask({ license, confirmedLicenseId: 'another' }), now)
  const refused = { ...nothing, attemptedAt: now, answeredAt: now + 1, refused: true }
  t.equal(
    ask({ license, past: refused, now: now + 1 }),
    now + 1 + dayMs,
    'not again and again where it is refused',
  )
  const before = { ...nothing, attemptedAt: now - 1, answeredAt: now - 1, refused: true }
  t.equal(ask({ license, past: before }), now, 'a refusal of before it came does not count')
})

t.test('what is due at the start waits for a moment of its own', async t => {
  const license = licenseOf({ issuedAt: now - 9 * dayMs })
  t.equal(ask({ license, random: 0 }), now)
  t.equal(ask({ license, random: 0.5 }), now + startSplayMs / 2)
})

t.test('each failure doubles the bound of the pause', async t => {
  const at = (failures: number, random: number) =>
    ask({ past: { ...nothing, attemptedAt: now, failures }, random })! - now
  t.equal(at(1, 0), 0)
  t.equal(at(1, 0.5), firstBackoffMs / 2)
  t.equal(at(4, 0.5), firstBackoffMs * 4)
  t.equal(at(60, 0.5), maxBackoffMs / 2)
})

t.test('the server is not asked before it said, and not by all at that very moment', async t => {
  const past = { ...nothing, attemptedAt: now, failures: 1, retryAfterMs: 2 * hour }
  t.equal(ask({ past }), now + 2 * hour)
  t.equal(ask({ past, random: 0.5 }), now + 2 * hour + 2 * hour * splayShare * 0.5)
  t.equal(ask({ past: { ...past, retryAfterMs: 90 * dayMs } }), now + maxRetryAfterMs)
})

t.test('a machine whose license cannot be believed any more asks for another at once', async t => {
  const lost = { license: null, isLost: true, urgent: true }
  t.equal(ask({ ...lost, random: 0 }), now)
  t.equal(ask({ ...lost, random: 0.5 }), now + firstBackoffMs / 2, 'with a splay')
  const failed = { ...nothing, attemptedAt: now, failures: 3 }
  t.equal(ask({ ...lost, past: failed, random: 0.5 }), now + 2 * firstBackoffMs, 'then as after any failure')
  const refused = { ...nothing, attemptedAt: now, answeredAt: now, refused: true }
  t.equal(ask({ ...lost, past: refused }), now + dayMs, 'and daily where that was refused')
  t.equal(ask({ ...lost, past: { ...refused, answeredAt: now - 2 * dayMs } }), now)
  t.equal(ask({ ...lost, past: { ...refused, answeredAt: now + year } }), now + dayMs, 'by any clock')
  t.equal(ask({ ...lost, isLost: false }), null, 'one that never had any does not')
})

const instant = fc.integer({ min: now - 10 * year, max: now + 10 * year })
const question = fc.record({
  license: fc
    .record({
      issuedAt: instant,
      intervalHours: fc.integer({ min: 1, max: 8784 }),
      withinDays: fc.option(fc.integer({ min: 1, max: 3650 })),
      deactivated: fc.boolean(),
    })
    .map(licenseOf),
  isLost: fc.constant(false),
  urgent: fc.boolean(),
  confirmedLicenseId: fc.constant(null),
  past: fc.record({
    attemptedAt: fc.option(instant),
    answeredAt: fc.option(instant),
    failures: fc.integer({ min: 0, max: 2000 }),
    refused: fc.boolean(),
    retryAfterMs: fc.integer({ min: 0, max: 90 * dayMs }),
  }),
  intervalMs: fc.option(fc.integer({ min: 1000, max: year })),
  now: fc.constant(now),
  random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
})

t.test('properties', async t => {
  t.test(
    'it is never in the past, and never further away than interval, backoff and Retry-After allow',
    async () => {
      fc.assert(
        fc.property(question, of => {
          const at = nextAttemptAt(of)!
          const interval = Math.max(of.license.reactivation.intervalHours * hour, startSplayMs)
          const pause = maxRetryAfterMs * (1 + splayShare) + maxBackoffMs
          return at >= now && at <= now + (of.past.failures > 0 ? pause : interval)
        }),
        parameters(2000),
      )
    },
  )

  t.test('a clock that was turned back by years delays nothing', async () => {
    fc.assert(
      fc.property(question, fc.integer({ min: 0, max: 20 * year }), (of, back) => {
        const turned = { ...of, now: now - back }
        const wait = nextAttemptAt(turned)! - turned.now
        return wait <= Math.max(of.license.reactivation.intervalHours * hour, 2 * maxRetryAfterMs)
      }),
      parameters(2000),
    )
  })

  t.test('Retry-After is waited for', async () => {
    fc.assert(
      fc.property(question, of => {
        const { failures, attemptedAt, retryAfterMs } = of.past
        if (failures === 0 || attemptedAt === null || attemptedAt > now) return true
        return nextAttemptAt(of)! >= attemptedAt + Math.min(retryAfterMs, maxRetryAfterMs)
      }),
      parameters(2000),
    )
  })
})

t.test('a fleet that was set up at once does not knock at once', async t => {
  const machines = 10_000
  const minutes = new Map<number, number>()
  for (let machine = 0; machine < machines; machine++) {
    const minute = Math.floor(ask({ random: machine / machines })! / 60_000)
    minutes.set(minute, (minutes.get(minute) ?? 0) + 1)
  }
  // 24 h × 20 % are 288 minutes.
  t.ok(Math.max(...minutes.values()) <= (machines / 288) * 1.1)
})
