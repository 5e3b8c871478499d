import type { ProcessIdentity } from '../session/client-table.ts'
import type { SessionCounter } from '../session/counter.ts'
import type { EndedSession } from '../session/policy.ts'

/** Dead processes looked for in one go: each look is a read of /proc. */
const MAX_PROCESSES_LOOKED_AT = 200

/** So much later than usual, the daemon did not run: it was stopped, or the machine was. */
const STOOD_STILL_MS = 1000

/** Twice as long as clients wait at most before they try again. */
const MAX_HELD_MS = 10_000

/** Ends what nobody resumed in time, what dead processes left behind and what is too old. */
export class Overdue {
  readonly #watchProcess: (process: ProcessIdentity) => 'lives' | 'dead' | 'unknown'
  #calledAt: number
  #heldUntil = Number.NEGATIVE_INFINITY
  #next = 0

  /** `startedAt`: monotonic milliseconds. A daemon may stand still before it looks for the first time, too. */
  constructor(watchProcess: (process: ProcessIdentity) => 'lives' | 'dead' | 'unknown', startedAt: number) {
    this.#watchProcess = watchProcess
    this.#calledAt = startedAt
  }

  /**
   * Call it several times a second. Gives the sessions that it ended and whose holders may want to hear of it, and how
   * many were not resumed in time. `now` is monotonic milliseconds.
   */
  end(counter: SessionCounter, now: number): { ended: EndedSession[]; leaked: number } {
    if (this.#isHeld(now)) return { ended: [], leaked: 0 }
    const leakedBefore = counter.totals.ended['orphan-timeout']
    const ended = counter.expire(now)
    for (const process of this.#turnOf(counter.orphanedProcesses())) {
      if (this.#watchProcess(process) === 'dead') counter.releaseDead(process)
    }
    return { ended, leaked: counter.totals.ended['orphan-timeout'] - leakedBefore }
  }

  /**
   * While the daemon stood still nobody could resume, and those who tried are still in the queue of the socket. So
   * nothing ends for as long as it stood still, at most for a while.
   */
  #isHeld(now: number): boolean {
    const stoodMs = now - this.#calledAt
    this.#calledAt = now
    if (stoodMs > STOOD_STILL_MS) this.#heldUntil = now + Math.min(stoodMs, MAX_HELD_MS)
    return now < this.#heldUntil
  }

  /** Where there are more than can be looked at, those come next that had to wait: none waits for ever. */
  #turnOf(processes: readonly ProcessIdentity[]): readonly ProcessIdentity[] {
    const { length } = processes
    if (length <= MAX_PROCESSES_LOOKED_AT) return processes
    const first = this.#next % length
    this.#next = first + MAX_PROCESSES_LOOKED_AT
    return [...processes.slice(first), ...processes.slice(0, first)].slice(0, MAX_PROCESSES_LOOKED_AT)
  }
}
