import type { ProcessIdentity } from '../../src/session/client-table.ts'
import { wallStart } from './licenses.ts'
import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'

/** Few, so that they are used again. */
const PIDS = 6

/** The machine that daemon and clients share: its clocks, its processes and its memory across restarts. */
export class Machine {
  readonly scheduler: Scheduler
  /** How far the wall clock was set away from where it belongs. */
  wallOffsetMs = 0
  /** A wall clock that runs too fast or too slow. */
  wallRate = 1
  #processesSeen = true
  #seenSince = 0
  readonly #diedAt = new Map<number, number>()
  readonly #bootedAt: number
  readonly #processes = new Map<number, number>()
  #startTime = 0

  constructor(scheduler: Scheduler) {
    this.scheduler = scheduler
    this.#bootedAt = scheduler.now
  }

  get monotonicNow(): number {
    return this.scheduler.now
  }

  get wallNow(): number {
    return Math.round(wallStart + (this.monotonicNow - this.#bootedAt) * this.wallRate + this.wallOffsetMs)
  }

  /** Starts a process, often with the number of one that is dead. */
  startProcess(random: Random): ProcessIdentity {
    const free = Array.from({ length: PIDS }, (_, index) => index + 100).filter(
      pid => !this.#processes.has(pid),
    )
    const pid = random.pick(free)
    const startTime = ++this.#startTime
    this.#processes.set(pid, startTime)
    return { pid, startTime }
  }

  endProcess({ pid, startTime }: ProcessIdentity): void {
    this.#diedAt.set(startTime, this.monotonicNow)
    this.#processes.delete(pid)
  }

  isAlive({ pid, startTime }: ProcessIdentity): boolean {
    return this.#processes.get(pid) === startTime
  }

  /** Whether /proc can be read. */
  get processesSeen(): boolean {
    return this.#processesSeen
  }

  set processesSeen(seen: boolean) {
    this.#processesSeen = seen
    this.#seenSince = this.monotonicNow
  }

  /** Since when everybody who looks can see that it is dead; null where that cannot be seen. */
  seenDeadSince({ startTime }: ProcessIdentity): number | null {
    const diedAt = this.#diedAt.get(startTime)
    return diedAt === undefined || !this.#processesSeen ? null : Math.max(diedAt, this.#seenSince)
  }

  /** As the daemon sees it. */
  readonly watchProcess = (process: ProcessIdentity): 'lives' | 'dead' | 'unknown' => {
    if (!this.processesSeen) return 'unknown'
    return this.isAlive(process) ? 'lives' : 'dead'
  }
}
