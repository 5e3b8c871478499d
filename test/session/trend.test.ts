import fc from 'fast-check'
import t from 'tap'
import { MIN_TREND_SPAN_MS, secondsUntilFull, type UsageSample } from '../../src/session/trend.ts'
import { parameters } from '../property.ts'

/** A sample every five seconds. */
function samplesOf(inUse: readonly number[], since = 0): UsageSample[] {
  return inUse.map((inUse, index) => ({ at: since + index * 5000, inUse }))
}

const series = fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 8, maxLength: 61 })

t.test('even growth', async t => {
  const growing = samplesOf([10, 15, 20, 25, 30, 35, 40])
  t.equal(secondsUntilFull(growing, 100), 60, 'one session a second, and 60 are free')
  t.equal(secondsUntilFull(growing, 41), 1)
  t.equal(secondsUntilFull(growing, 40), 0)
})

t.test('what says too little', async t => {
  t.equal(secondsUntilFull([], 10), Infinity)
  t.equal(secondsUntilFull([], 0), 0, 'nothing is licensed')
  t.equal(secondsUntilFull(samplesOf([0]), 0), 0)
  t.equal(secondsUntilFull(samplesOf([1, 2]), 10), Infinity, 'a burst just after the start is no trend')
  t.equal(secondsUntilFull(samplesOf([1, 10]), 10), 0, 'full is full')
  t.ok(5000 * 6 >= MIN_TREND_SPAN_MS)
})

t.test('a line is followed exactly, whenever it begins', async () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 7, max: 61 }),
      fc.integer({ min: 1, max: 100_000 }),
      fc.integer({ min: 0, max: 10_000_000_000 }),
      (perSample, count, free, since) => {
        const samples = samplesOf(
          Array.from({ length: count }, (_, index) => index * perSample),
          since,
        )
        const seconds = secondsUntilFull(samples, samples.at(-1)!.inUse + free)
        const expected = (free / perSample) * 5
        return Math.abs(seconds - expected) <= expected * 1e-6
      },
    ),
    parameters(500),
  )
})

t.test('it is a time, and infinite where use does not grow', async () => {
  fc.assert(
    fc.property(series, fc.integer({ min: 0, max: 1200 }), (inUse, limit) => {
      const seconds = secondsUntilFull(samplesOf(inUse), limit)
      return seconds >= 0 && (seconds === 0) === inUse.at(-1)! >= limit
    }),
    parameters(2000),
  )
  fc.assert(
    fc.property(series, inUse => {
      const falling = [...inUse].sort((a, b) => b - a)
      const flat = inUse.map(() => inUse[0]!)
      return [falling, flat].every(each => secondsUntilFull(samplesOf(each), 1001) === Infinity)
    }),
    parameters(1000),
  )
})

t.test('a larger limit is reached later', async () => {
  fc.assert(
    fc.property(series, fc.integer({ min: 0, max: 1200 }), (inUse, limit) => {
      const samples = samplesOf(inUse)
      return secondsUntilFull(samples, limit + 1) >= secondsUntilFull(samples, limit)
    }),
    parameters(1000),
  )
})

t.test('growth that is twice as fast leaves half of the time', async () => {
  fc.assert(
    fc.property(series, inUse => {
      const [slow, fast] = [samplesOf(inUse), samplesOf(inUse.map(each => each * 2))]
      const [slowly, fastly] = [secondsUntilFull(slow, 1001), secondsUntilFull(fast, 2002)]
      return slowly === Infinity ? fastly === Infinity : Math.abs(slowly - fastly) <= slowly * 1e-9
    }),
    parameters(1000),
  )
})
