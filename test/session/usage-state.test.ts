import fc from 'fast-check'
import t from 'tap'
import {
  initialUsage,
  isHigher,
  nextUsage,
  type Usage,
  type UsageThresholds,
  usageStates,
} from '../../src/session/usage-state.ts'
import { parameters } from '../property.ts'

const usual: UsageThresholds = {
  warningPercent: 94,
  criticalPercent: 97,
  clearMarginPercent: 3,
  holdMs: 60_000,
}

/** The states that follow from looks at use, given as [seconds, in use] of 100. */
function statesOf(looks: [number, number][], limit = 100, thresholds = usual): string[] {
  let usage: Usage = initialUsage
  return looks.map(([seconds, inUse]) => {
    usage = nextUsage(usage, inUse, limit, thresholds, seconds * 1000)
    return usage.state
  })
}

t.test('it rises at once', async t => {
  t.strictSame(
    statesOf([
      [0, 93],
      [1, 94],
      [2, 97],
      [3, 99],
      [4, 100],
      [5, 105],
    ]),
    ['safe', 'warning', 'critical', 'critical', 'full', 'full'],
  )
  t.strictSame(statesOf([[0, 1]], 1), ['full'], 'from nothing to everything')
})

t.test('it falls below a lower bound, after a time', async t => {
  const fall: [number, number][] = [
    [0, 95],
    [10, 93],
    [100, 91],
    [101, 90],
    [160, 90],
    [161, 90],
  ]
  t.strictSame(statesOf(fall), ['warning', 'warning', 'warning', 'warning', 'warning', 'safe'])
  const bounce: [number, number][] = [
    [0, 95],
    [1, 90],
    [59, 91],
    [60, 90],
    [62, 90],
    [120, 90],
  ]
  t.strictSame(statesOf(bounce).at(-2), 'warning', 'what comes back begins the time anew')
  t.strictSame(statesOf(bounce).at(-1), 'safe')
})

t.test('it falls no lower than use was meanwhile', async t => {
  const steps: [number, number][] = [
    [0, 100],
    [1, 96],
    [2, 50],
    [61, 50],
    [62, 50],
    [122, 50],
  ]
  t.strictSame(statesOf(steps), ['full', 'full', 'full', 'critical', 'critical', 'safe'])
})

t.test('where nothing is licensed', async t => {
  t.strictSame(statesOf([[0, 0]], 0), ['safe'])
  t.strictSame(statesOf([[0, 1]], 0), ['full'], 'the limit was taken away from under a session')
})

const thresholds = fc
  .record({
    warningPercent: fc.integer({ min: 2, max: 98 }),
    above: fc.integer({ min: 1, max: 98 }),
    clearMarginPercent: fc.integer({ min: 0, max: 98 }),
    holdMs: fc.integer({ min: 0, max: 120_000 }),
  })
  .map(({ warningPercent, above, clearMarginPercent, holdMs }) => ({
    warningPercent,
    criticalPercent: Math.min(99, warningPercent + above),
    clearMarginPercent: Math.min(clearMarginPercent, warningPercent - 1),
    holdMs,
  }))

const looks = fc.array(fc.tuple(fc.integer({ min: 1, max: 90_000 }), fc.integer({ min: 0, max: 120 })), {
  maxLength: 60,
})

t.test('whatever use does', async () => {
  fc.assert(
    fc.property(thresholds, looks, fc.integer({ min: 1, max: 110 }), (thresholds, looks, limit) => {
      const { warningPercent, criticalPercent, clearMarginPercent, holdMs } = thresholds
      const begins = { safe: 0, warning: warningPercent, critical: criticalPercent, full: 100 }
      let usage: Usage = initialUsage
      let now = 0
      let lowSince: number | null = null
      for (const [passed, inUse] of looks) {
        now += passed
        const before = usage.state
        usage = nextUsage(usage, inUse, limit, thresholds, now)
        const percent = (inUse * 100) / limit
        // It is never lower than what is in use says: whoever reads `safe` may rely on it.
        for (const state of usageStates) {
          if (isHigher(state, usage.state) && percent >= begins[state]) return false
        }
        // It never goes up without a reason in what is in use now.
        if (isHigher(usage.state, before) && percent < begins[usage.state]) return false
        // It never goes down before use was low enough for all of the time.
        const low = inUse === 0 || percent < begins[before] - clearMarginPercent
        if (!low) lowSince = null
        else lowSince ??= now
        if (isHigher(before, usage.state) && (lowSince === null || now - lowSince < holdMs)) return false
        if (usage.state !== before) lowSince = null
      }
      return true
    }),
    parameters(2000),
  )
})

t.test('use within the margin of a threshold changes the state once', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 600_000 }), fc.integer({ min: 91, max: 96 })), {
        minLength: 1,
      }),
      looks => {
        let usage: Usage = initialUsage
        let [now, changes] = [0, 0]
        for (const [passed, inUse] of looks) {
          now += passed
          const after = nextUsage(usage, inUse, 100, usual, now)
          if (after.state !== usage.state) changes++
          usage = after
        }
        return changes <= 1
      },
    ),
    parameters(1000),
  )
})

t.test('what use falls to for good is reached in at most three steps of the hold time', async () => {
  fc.assert(
    fc.property(thresholds, looks, fc.integer({ min: 1, max: 110 }), (thresholds, looks, limit) => {
      let usage: Usage = initialUsage
      let now = 0
      for (const [passed, inUse] of looks) {
        now += passed
        usage = nextUsage(usage, inUse, limit, thresholds, now)
      }
      for (let step = 0; step < 7; step++) {
        usage = nextUsage(usage, 0, limit, thresholds, now)
        now += thresholds.holdMs
      }
      return usage.state === 'safe'
    }),
    parameters(1000),
  )
})
