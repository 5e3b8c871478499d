import { DurationTally } from './duration-tally.ts'

/** How often the event loop is asked to be on time. Ten times a second is nothing, and finds what lasts. */
export const LOOP_CHECK_EVERY_MS = 100

/** The journal, as far as its commits are measured. */
interface Committing<State> {
  readonly degraded: boolean
  commit(state: State): void
}

/** The times that are measured while the daemon runs: two readings of the clock a turn, none for a request. */
export class Meters {
  readonly acquires = new DurationTally([
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5,
  ])
  readonly commits = new DurationTally([
    0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.01, 0.1, 1,
  ])
  readonly loopLag = new DurationTally([0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5])
  readonly #now: () => number
  #checkedAt: number | null = null

  /** @param now monotonic milliseconds */
  constructor(now: () => number) {
    this.#now = now
  }

  /** Acquires were answered in a turn that began at that time: none of them waited longer than the turn took. */
  answered(count: number, beganAt: number): void {
    this.acquires.record(this.#now() - beganAt, count)
  }

  /** Has the journal commit, and measures it where there is something to write. */
  commit<State extends { readonly hasChanges: boolean }>(journal: Committing<State>, state: State): void {
    if (journal.degraded || !state.hasChanges) {
      journal.commit(state)
      return
    }
    const beganAt = this.#now()
    journal.commit(state)
    this.commits.record(this.#now() - beganAt)
  }

  /** Call it every LOOP_CHECK_EVERY_MS, from a timer: what it is late is what a frame would have waited. */
  checkLoop(): void {
    const now = this.#now()
    const before = this.#checkedAt
    this.#checkedAt = now
    if (before !== null) this.loopLag.record(Math.max(0, now - before - LOOP_CHECK_EVERY_MS))
  }
}
