import t from 'tap'
import { refusedShare } from '../../src/report/advice.ts'
import { erlangB, sessionsFor } from '../../src/report/erlang.ts'
import { type Bucket, type Figures, noFigures, sumFigures } from '../../src/report/figures.ts'
import { spans } from '../../src/report/spans.ts'
import { pointsOf, summarize, watchedShare } from '../../src/report/summary.ts'

const { hour, day } = spans
const monday = Date.parse('2026-11-23T00:00:00Z')

/** An hour that was watched whole, with so many erlangs. */
function hourOf(index: number, erlangs: number, more: Partial<Figures> = {}): Bucket {
  const inUseMs = erlangs * hour
  const limit = { low: 20, high: 20 }
  const figures = { ...noFigures, observedMs: hour, inUseMs, peak: Math.ceil(erlangs) + 3, limit, ...more }
  return { start: monday + index * hour, figures }
}

const base = { from: monday, to: monday + day, by: 'hour', application: null, limit: 20 } as const

t.test('a day: its totals, each of its hours, its busy hour and what follows', async t => {
  const ivr = { inUseMs: 3 * hour, peak: 4, granted: 30, refused: 10 }
  const hours = [
    hourOf(9, 8, { granted: 80 }),
    hourOf(10, 12, { granted: 90, refused: { 'limit-reached': 10, draining: 3 }, applications: { ivr } }),
    hourOf(12, 2, { granted: 20 }),
    hourOf(24, 19, { granted: 999 }),
    hourOf(-1, 19, { granted: 999 }),
  ]
  const summary = summarize({ ...base, rows: hours, hours })
  t.strictSame(summary.total, sumFigures(hours.slice(0, 3).map(({ figures }) => figures)))
  t.equal(summary.series.length, 24)
  t.equal(summary.series[9]?.figures?.granted, 80)
  t.equal(summary.series[11]?.figures, null, 'nobody watched')
  t.match(summary.busyHour, { start: monday + 10 * hour, erlangs: 12 })
  const offered = 12 / 0.9
  t.match(summary.advice, { carriedErlangs: 12, blocking: 0.1, offeredErlangs: offered, limit: 20 })
  t.equal(summary.advice?.blockingAtLimit, erlangB(offered, 20))
  t.strictSame(summary.advice?.needed, [
    { blocking: 0.01, sessions: sessionsFor(offered, 0.01) },
    { blocking: 0.001, sessions: sessionsFor(offered, 0.001) },
    { blocking: 0.0001, sessions: sessionsFor(offered, 0.0001) },
  ])
  t.equal(watchedShare(summary, monday + day), 3 / 24)
  t.equal(watchedShare(summary, monday + 12 * hour), 3 / 12, 'what is still to come was not missed')
  t.equal(watchedShare(summary, monday), null)
  t.equal(refusedShare(summary.total), 13 / 203)

  const one = summarize({ ...base, rows: hours, hours, application: 'ivr' })
  t.match(one.total, { inUseMs: 3 * hour, granted: 30, refused: { any: 10 }, observedMs: 3 * hour })
  t.match(one.advice, { carriedErlangs: 3, blocking: 0.25, offeredErlangs: 4, limit: null })
  t.equal(one.advice?.blockingAtLimit, null)
})

t.test('minutes from the middle of an hour: its busy hour may be the one in which they begin', async t => {
  const hours = [hourOf(8, 9), hourOf(9, 3), hourOf(7, 19), hourOf(10, 19)]
  const from = monday + 8 * hour + 360_000
  const asked = { from, to: monday + 10 * hour, by: 'minute', application: null, limit: 20 } as const
  t.match(summarize({ ...asked, rows: [], hours }).busyHour, { start: monday + 8 * hour, erlangs: 9 })
})

t.test('an hour that was watched in part has the mean of that part', async t => {
  const hours = [hourOf(3, 0, { observedMs: hour / 4, inUseMs: hour })]
  t.equal(summarize({ ...base, rows: hours, hours }).busyHour?.erlangs, 4)
})

t.test('where nothing was watched, or nothing in use, there is no busy hour and no advice', async t => {
  for (const hours of [[], [hourOf(1, 0)]]) {
    const summary = summarize({ ...base, rows: hours, hours, limit: null })
    t.match(summary, { busyHour: null, advice: null })
  }
  t.equal(refusedShare(noFigures), null)
})

t.test('a load that cannot be told gives no number, and ends', async t => {
  for (const [granted, lost] of [
    [0, 5],
    [1, 10_000_000_000],
  ] as const) {
    const hours = [hourOf(1, 20, { granted, refused: { 'limit-reached': lost } })]
    const { advice } = summarize({ ...base, rows: hours, hours })
    t.match(advice, { offeredErlangs: null, blockingAtLimit: null, needed: [] })
  }
  const held = [hourOf(1, 20)]
  t.match(summarize({ ...base, rows: held, hours: held }).advice, { blocking: 0, offeredErlangs: 20 })
})

t.test('a report begins and ends where its spans do', async t => {
  const input = { ...base, by: 'day', from: monday + 1, to: monday + day + 1, rows: [], hours: [] } as const
  t.match(summarize(input), { from: monday, to: monday + 2 * day })
  t.equal(pointsOf(input), 2)
  t.equal(pointsOf({ ...base, to: monday }), 0)
})
