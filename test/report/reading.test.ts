import fc from 'fast-check'
import t from 'tap'
import {
  addFigures,
  type Figures,
  maxApplicationsKept,
  meanInUse,
  noFigures,
  ofApplication,
  sumFigures,
  total,
} from '../../src/report/figures.ts'
import {
  addTo,
  byMinute,
  type Counted,
  figuresBetween,
  maxGapMs,
  readCounter,
} from '../../src/report/reading.ts'
import { spans } from '../../src/report/spans.ts'
import { parameters } from '../property.ts'

/** A counter of a test: `inUse` sessions of each of so many applications. */
function counted(inUse: number, granted: number, refused: number, applications = 1): Counted {
  const one = { inUse, peak: inUse, granted, denied: refused }
  const ended = { released: granted - inUse }
  return {
    inUse: inUse * applications,
    limit: 10,
    totals: {
      granted: granted * applications,
      denied: new Map([['limit-reached', refused * applications]]),
      ended,
    },
    applications: Array.from({ length: applications }, (_, index) => ({ name: `a${index}`, ...one })),
  }
}

t.test('what happens between two readings', async t => {
  const before = readCounter(counted(4, 10, 1), 1000)
  const after = readCounter(counted(10, 30, 6), 3000)
  const figures = figuresBetween(before, after, 10)
  t.match(figures, {
    observedMs: 2000,
    inUseMs: 14_000,
    fullMs: 1000,
    peak: 10,
    limit: { low: 10, high: 10 },
  })
  t.match(figures, { granted: 20, refused: { 'limit-reached': 5 }, released: { released: 14 } })
  t.match(figures.applications['a0'], { inUseMs: 14_000, peak: 10, granted: 20, refused: 5 })
  t.equal(meanInUse(figures), 7)
  t.equal(meanInUse(noFigures), null)
  t.match(ofApplication(figures, 'a0'), { inUseMs: 14_000, granted: 20, refused: { any: 5 } })
  t.match(ofApplication(figures, 'b'), { observedMs: 2000, granted: 0, refused: {} })
})

t.test('a process that was stopped watched nothing, but loses no count', async t => {
  const before = readCounter(counted(4, 10, 0), 0)
  const figures = figuresBetween(before, readCounter(counted(5, 12, 0), maxGapMs + 1), 5)
  t.match(figures, { observedMs: 0, inUseMs: 0, granted: 2, peak: 5 })
})

t.test('applications beyond the bound are told together', async t => {
  const before = readCounter(counted(0, 0, 0, 100), 0)
  const { applications } = figuresBetween(before, readCounter(counted(1, 2, 3, 100), 1000), 100)
  t.equal(Object.keys(applications).length, maxApplicationsKept)
  t.match(applications['_other'], { granted: 2 * 69, refused: 3 * 69 })
})

t.test('however a time is cut, restarted and shuffled, its parts are the whole', async t => {
  const step = fc.record({
    ms: fc.integer({ min: 1, max: 50_000 }),
    inUse: fc.integer({ min: 0, max: 10 }),
    granted: fc.integer({ min: 0, max: 20 }),
    refused: fc.integer({ min: 0, max: 9 }),
    clockSetBy: fc.oneof(fc.constant(0), fc.integer({ min: -7_200_000, max: 7_200_000 })),
    restart: fc.boolean(),
  })
  const holds = (steps: (typeof step extends fc.Arbitrary<infer S> ? S : never)[], flushEvery: number) => {
    let [at, wall, granted, refused] = [0, 1_790_000_000_000, 0, 0]
    let [allGranted, allRefused, allMs] = [0, 0, 0]
    let before = readCounter(counted(0, 0, 0), 0)
    let pending = new Map<number, Figures>()
    const kept = new Map<number, Figures>()
    const whole: Figures[] = []
    const flush = () => {
      for (const [start, figures] of pending) addTo(kept, [{ start, figures }])
      pending = new Map()
    }
    for (const [index, { ms, inUse, clockSetBy, restart, ...made }] of steps.entries()) {
      if (restart) {
        ;[granted, refused] = [0, 0]
        before = readCounter(counted(inUse, 0, 0), at)
      }
      at += ms
      wall += ms + clockSetBy
      granted += made.granted
      refused += made.refused
      const after = readCounter(counted(inUse, granted, refused), at)
      const figures = figuresBetween(before, after, inUse)
      before = after
      whole.push(figures)
      allGranted += made.granted
      allRefused += made.refused
      allMs += ms
      addTo(pending, byMinute(figures, wall))
      if (index % flushEvery === 0) flush()
    }
    flush()
    if ([...kept.keys()].some(start => start % spans.minute !== 0)) return false
    const sum = sumFigures(kept.values())
    const reversed = sumFigures([...kept.values()].reverse())
    t.strictSame(sum, sumFigures(whole))
    t.strictSame(reversed, sum)
    return sum.granted === allGranted && total(sum.refused) === allRefused && sum.observedMs === allMs
  }
  const steps = fc.array(step, { minLength: 1, maxLength: 60 })
  fc.assert(fc.property(steps, fc.integer({ min: 1, max: 9 }), holds), parameters(100))
})

t.test('figures with those of no time are what they were', async t => {
  const figures = figuresBetween(readCounter(counted(1, 1, 0), 0), readCounter(counted(2, 3, 1), 500), 2)
  t.strictSame(addFigures(noFigures, figures), figures)
})
