import type { Totals } from '../session/applications.ts'
import { secondsUntilFull, type UsageSample } from '../session/trend.ts'
import {
  initialUsage,
  isHigher,
  nextUsage,
  type Usage,
  type UsageState,
  type UsageThresholds,
} from '../session/usage-state.ts'
import type { Config } from './config/schema.ts'
import type { Logger } from './log.ts'

/** What is remembered of the past: a sample every 5 s of the last 5 minutes, which is what the trend rests on. */
const SAMPLE_EVERY_MS = 5000
const MAX_SAMPLES = 61

/** How far back the recent peak goes. Whoever scrapes at least as often misses none. */
export const RECENT_PEAK_MS = 120_000

/** The counter, as far as its use is watched. */
interface Counted {
  readonly inUse: number
  readonly limit: number
  readonly totals: Totals
}

export type UsageListener = (
  before: { readonly state: UsageState },
  after: { readonly state: UsageState; readonly inUse: number; readonly limit: number },
) => void

interface Sample extends UsageSample {
  /** Most in use since the sample before. */
  readonly peak: number
}

/** Watches how full it is: the usage state, which is logged when it changes, the recent peak and the trend. */
export class UsageWatch {
  readonly #counter: Counted
  readonly #settings: () => Config['usage']
  readonly #log: Logger
  readonly #onChange: UsageListener
  readonly #samples: Sample[] = []
  #usage: Usage = initialUsage
  #limit: number
  #peakSinceSample = 0

  constructor(
    counter: Counted,
    settings: () => Config['usage'],
    log: Logger,
    onChange: UsageListener = () => undefined,
  ) {
    this.#onChange = onChange
    this.#counter = counter
    this.#limit = counter.limit
    this.#settings = settings
    this.#log = log
  }

  /** The state, after a look at what is in use now. */
  state(now: number): UsageState {
    this.look(now)
    return this.#usage.state
  }

  /** Follows what is in use: call it several times a second. `now` is monotonic milliseconds. */
  look(now: number): void {
    const { inUse, limit, totals } = this.#counter
    const peak = totals.recentPeak
    totals.recentPeak = inUse
    this.#peakSinceSample = Math.max(this.#peakSinceSample, peak)
    const { state } = this.#usage
    // Whoever has just got more sessions need not wait to be told that there are some.
    const isOther = limit !== this.#limit
    this.#limit = limit
    const before = isOther ? initialUsage : this.#usage
    this.#usage = nextUsage(before, isOther ? inUse : peak, limit, thresholdsOf(this.#settings()), now)
    if (state !== this.#usage.state) this.#tell(state)
    const last = this.#samples.at(-1)
    if (last === undefined || now - last.at >= SAMPLE_EVERY_MS) this.#sample(now)
  }

  /**
   * Most in use at one time in the last two minutes at least. A scrape does not set it back, so that two that
   * scrape do not take each other's peaks away.
   */
  recentPeak(now: number): number {
    const recent = this.#samples.filter(({ at }) => at >= now - RECENT_PEAK_MS).map(({ peak }) => peak)
    return Math.max(this.#counter.totals.recentPeak, this.#peakSinceSample, ...recent)
  }

  /** See session/trend.ts. */
  secondsUntilFull(now: number): number {
    const { inUse, limit } = this.#counter
    return secondsUntilFull([...this.#samples, { at: now, inUse }], limit)
  }

  #sample(at: number): void {
    this.#samples.push({ at, inUse: this.#counter.inUse, peak: this.#peakSinceSample })
    this.#peakSinceSample = 0
    if (this.#samples.length > MAX_SAMPLES) this.#samples.shift()
  }

  #tell(from: UsageState): void {
    const { inUse, limit } = this.#counter
    const { state } = this.#usage
    const fields = { from, usage: state, inUse, limit }
    this.#onChange({ state: from }, { state, inUse, limit })
    if (isHigher(from, state)) this.#log.info(fields, `Use of the licensed sessions is ${state} again.`)
    else this.#log.warn({ ...fields, hint: whatToDo }, said[state])
  }
}

const whatToDo =
  '`sessionctl status` shows which applications hold them. For more: `sessionctl reactivate --sessions N` ' +
  'takes them from the license pool, where it has some left.'

const said: Record<UsageState, string> = {
  safe: 'Use of the licensed sessions is safe.',
  warning: 'Most of the licensed sessions are in use.',
  critical: 'Nearly all licensed sessions are in use; soon callers are refused.',
  full: 'All licensed sessions are in use: callers are refused until some end.',
}

function thresholdsOf({ holdSeconds, ...percents }: Config['usage']): UsageThresholds {
  return { ...percents, holdMs: holdSeconds * 1000 }
}
