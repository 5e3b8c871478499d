import fc from 'fast-check'
import { test } from 'tap'
import type { License } from '../../src/license/document.ts'
import { dayMs } from '../../src/license/instant.ts'
import { lifecycleOf, lifecycleStates, sayValidity } from '../../src/license/lifecycle.ts'
import { parameters } from '../property.ts'
import { makeLicense } from './setting.ts'

/** Expires at the end of 2027, with 14 days of grace; must reactivate within 60 days of 2026-11-01 09:30. */
const license = makeLicense()
const perpetual = makeLicense({
  expiresAt: null,
  reactivation: { intervalHours: 24, requiredWithinDays: null },
})
const unbound = makeLicense({ reactivation: { intervalHours: 24, requiredWithinDays: null } })

const at = (instant: string, of: License | null = unbound, lastReactivation: string | null = null) =>
  lifecycleOf(of, {
    now: Date.parse(instant),
    lastReactivationAt: lastReactivation === null ? null : Date.parse(lastReactivation),
  })

test('no license', async t => {
  t.same(at('2026-11-24T12:00:00Z', null), {
    state: 'unlicensed',
    admits: false,
    refusal: 'unlicensed',
    expiresAt: null,
    graceEndsAt: null,
    reactivationDueAt: null,
    admitsUntil: null,
    daysLeft: null,
    expiringWithinDays: null,
    message: 'No license is installed: no session is granted until this machine is activated.',
    hint: 'Activate it: `sessionctl activate`, or by hand `sessionctl activate --request-file request.jws` and then `sessionctl license install FILE`.',
    nextChangeAt: null,
  })
})

test('through the life of a license', async t => {
  const end = Date.parse('2027-12-31T23:59:59Z')
  const graceEnd = Date.parse('2028-01-14T23:59:59Z')
  const dates = { expiresAt: end, graceEndsAt: graceEnd }
  t.match(at('2026-11-24T12:00:00Z'), {
    ...dates,
    state: 'active',
    admits: true,
    refusal: null,
    admitsUntil: graceEnd,
    daysLeft: 403,
    expiringWithinDays: null,
    message:
      'The license is active until 2027-12-31 23:59:59 UTC; its grace ends on 2028-01-14 23:59:59 UTC.',
    hint: null,
    nextChangeAt: end - 30 * dayMs,
  })
  t.match(at('2027-12-01T23:59:58Z'), { state: 'active', daysLeft: 31 })
  for (const [instant, within, left] of [
    ['2027-12-01T23:59:59Z', 30, 30],
    ['2027-12-17T23:59:58Z', 30, 15],
    ['2027-12-17T23:59:59Z', 14, 14],
    ['2027-12-24T23:59:59Z', 7, 7],
    ['2027-12-30T23:59:59Z', 1, 1],
    ['2027-12-31T23:59:59Z', 1, 0],
  ] as const) {
    t.match(
      at(instant),
      { ...dates, state: 'expiring', admits: true, expiringWithinDays: within, daysLeft: left },
      instant,
    )
  }
  t.match(
    at('2027-12-20T12:00:00Z').message,
    'expires on 2027-12-31 23:59:59 UTC, in 12 days; its grace ends on 2028-01-14',
  )
  t.match(at('2027-12-31T12:00:00Z').message, 'in less than a day')
  t.match(at('2027-12-31T12:00:00Z').hint, /Renew .*`sessionctl reactivate`/)
  t.match(at('2028-01-01T00:00:00Z'), {
    ...dates,
    state: 'grace',
    admits: true,
    daysLeft: 14,
    message: /expired on 2027-12-31 23:59:59 UTC\. .*in grace, until 2028-01-14 23:59:59 UTC/,
    nextChangeAt: graceEnd + 1,
  })
  t.match(at('2028-01-14T23:59:59Z'), { state: 'grace', admits: true })
  t.match(at('2028-01-15T00:00:00Z'), {
    ...dates,
    state: 'expired',
    admits: false,
    refusal: 'license-expired',
    admitsUntil: null,
    daysLeft: 0,
    message: /its grace ended on 2028-01-14 23:59:59 UTC/,
    nextChangeAt: null,
  })
})

test('licenses that end otherwise', async t => {
  t.match(at('2099-01-01T00:00:00Z', perpetual), {
    state: 'active',
    message: 'The license is active and does not expire.',
    admitsUntil: null,
    daysLeft: null,
    nextChangeAt: null,
  })
  const graceless = makeLicense({ graceDays: 0, reactivation: unbound.reactivation })
  t.match(at('2027-12-31T23:59:59.999Z', graceless), { state: 'expired' }, 'without grace the end is the end')
  const later = makeLicense({ notBefore: '2027-01-01T00:00:00Z' })
  t.match(at('2026-12-31T23:59:59Z', later), {
    state: 'unlicensed',
    refusal: 'unlicensed',
    message: /valid from 2027-01-01 00:00:00 UTC/,
    nextChangeAt: Date.parse('2027-01-01T00:00:00Z'),
  })
  t.match(at('2099-01-01T00:00:00Z', makeLicense({ deactivated: true })), {
    state: 'deactivated',
    admits: false,
    refusal: 'license-deactivated',
    message: /\(c0ffee00-0000-4000-8000-000000000002\) was deactivated/,
    expiresAt: Date.parse('2027-12-31T23:59:59Z'),
  })
  const clock = { now: Date.parse('2026-11-24T12:00:00Z'), lastReactivationAt: null }
  t.match(lifecycleOf(license, clock, { matches: false }), {
    state: 'machine-mismatch',
    admits: false,
    refusal: 'machine-mismatch',
    hint: /`sessionctl fingerprint`/,
  })
})

test('reactivation', async t => {
  const due = Date.parse('2026-12-31T09:30:00Z')
  t.match(at('2026-12-31T09:30:00Z', license), {
    state: 'active',
    reactivationDueAt: due,
    nextChangeAt: due + 1,
    admitsUntil: due + 14 * dayMs,
  })
  t.match(at('2026-12-31T09:30:01Z', license), {
    state: 'reactivation-overdue',
    admits: true,
    refusal: null,
    message: /due by 2026-12-31 09:30:00 UTC\. .*until 2027-01-14 09:30:00 UTC/,
    hint: /`sessionctl reactivate`/,
    nextChangeAt: due + 14 * dayMs + 1,
  })
  t.match(at('2027-01-14T09:30:01Z', license), {
    state: 'reactivation-overdue',
    admits: false,
    refusal: 'reactivation-required',
    message: /its grace ended on 2027-01-14 09:30:00 UTC/,
  })
  t.match(at('2027-01-14T09:30:01Z', license, '2026-12-30T00:00:00Z'), { state: 'active' }, 'answered since')
  t.match(at('2026-12-31T09:30:01Z', license, '2026-01-01T00:00:00Z'), { state: 'reactivation-overdue' })
  const both = makeLicense({ expiresAt: '2026-12-31T23:59:59Z' })
  t.match(at('2027-01-01T00:00:00Z', both), { state: 'grace' }, 'of two warnings, that of the expiry')
  t.match(
    at('2027-01-14T12:00:00Z', both),
    { state: 'reactivation-overdue', admits: false },
    'what stops calls comes first',
  )
  t.match(at('2027-02-01T00:00:00Z', both), { state: 'expired' })
})

const term = fc.record({
  expiresAt: fc.option(fc.constant('2027-12-31T23:59:59Z')),
  graceDays: fc.constantFrom(0, 1, 14, 90),
  requiredWithinDays: fc.option(fc.integer({ min: 1, max: 800 })),
})
const instant = fc.integer({
  min: Date.parse('2026-10-01T00:00:00Z'),
  max: Date.parse('2030-01-01T00:00:00Z'),
})

test('properties', async t => {
  const make = (terms: { expiresAt: string | null; graceDays: number; requiredWithinDays: number | null }) =>
    makeLicense({
      ...terms,
      reactivation: { intervalHours: 24, requiredWithinDays: terms.requiredWithinDays },
    })
  fc.assert(
    fc.property(term, instant, (terms, now) => {
      const { state, admits, refusal, message } = lifecycleOf(make(terms), { now, lastReactivationAt: null })
      return lifecycleStates.includes(state) && admits === (refusal === null) && message.length > 0
    }),
    parameters(200),
  )
  t.pass('it admits or gives a reason, never both')

  fc.assert(
    fc.property(term, instant, fc.double({ min: 0, max: 1, noNaN: true }), (terms, now, part) => {
      const judge = (time: number) => lifecycleOf(make(terms), { now: time, lastReactivationAt: null })
      const { state, admits, expiringWithinDays, nextChangeAt } = judge(now)
      const until = nextChangeAt ?? now + 1_000 * dayMs
      if (until <= now) return false
      const between = judge(Math.floor(now + (until - 1 - now) * part))
      return (
        between.state === state &&
        between.admits === admits &&
        between.expiringWithinDays === expiringWithinDays
      )
    }),
    parameters(2_000),
  )
  t.pass('nothing changes before nextChangeAt')

  fc.assert(
    fc.property(term, instant, (terms, now) => {
      const judge = (time: number) => lifecycleOf(make(terms), { now: time, lastReactivationAt: null })
      const { admits, admitsUntil } = judge(now)
      if (!admits || admitsUntil === null) return admits || admitsUntil === null
      return judge(admitsUntil).admits && !judge(admitsUntil + 1).admits
    }),
    parameters(200),
  )
  t.pass('admitsUntil is the last instant of admission')
})

test('how long a license is good is said with its grace', async t => {
  const expiresAt = '2027-12-31T23:59:59Z'
  const until = 'until 2027-12-31 23:59:59 UTC'
  t.equal(sayValidity({ expiresAt: null, graceDays: 14 }), 'without end')
  t.equal(sayValidity({ expiresAt, graceDays: 14 }), `${until}, in grace until 2028-01-14 23:59:59 UTC`)
  t.equal(sayValidity({ expiresAt, graceDays: 0 }), `${until}, without grace`)
})
