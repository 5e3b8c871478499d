import { hash } from 'node:crypto'
import type { ProcessIdentity } from './client-table.ts'
import type { Holdings } from './holdings.ts'
import type { EndedSession } from './policy.ts'

/** A session, as operators see it. */
export interface ListedSession {
  /**
   * Names this session and never another. It proves nothing: whoever has the token may release the session, so the
   * token is not shown.
   */
  readonly id: string
  readonly key: string
  readonly application: string
  /** The label of the client that holds it, or held it. */
  readonly client: string | null
  readonly process: ProcessIdentity | null
  /** Monotonic milliseconds. */
  readonly grantedAt: number
  /** Until when it can be resumed; null while its holder is connected. */
  readonly resumableUntil: number | null
}

/** Which sessions are meant; what is left out does not matter. */
export interface SessionFilter {
  readonly application?: string | undefined
  /** The label of a client. */
  readonly client?: string | undefined
  readonly orphaned?: boolean | undefined
  /** Granted then or before, in monotonic milliseconds. */
  readonly grantedBefore?: number | undefined
}

const ID = /^(0|[1-9][0-9]{0,8})-([0-9a-f]{12})$/

/** What is held, for people who look after it. It changes nothing. */
export class Listing {
  readonly #holdings: Holdings

  constructor(holdings: Holdings) {
    this.#holdings = holdings
  }

  /** The oldest sessions that are meant, at most `most`, oldest first, and how many are meant in all. */
  list(filter: SessionFilter, most: number): { total: number; sessions: ListedSession[] } {
    const oldest: number[] = []
    let total = 0
    for (const slot of this.#holdings.live()) {
      if (!this.#isMeant(slot, filter)) continue
      total++
      this.#keepOldest(oldest, slot, most)
    }
    return { total, sessions: oldest.map(slot => this.#view(slot)) }
  }

  /** The session of that id; null where it is not held, or not any more. */
  find(id: string): ListedSession | null {
    const slot = this.#slotOf(id)
    return slot === null ? null : this.#view(slot)
  }

  /** What its holder is told when an operator ends it; null where it is not held. */
  ending(id: string): EndedSession | null {
    const slot = this.#slotOf(id)
    return slot === null ? null : this.#holdings.ended(slot, 'operator')
  }

  #slotOf(id: string): number | null {
    const slot = Number(ID.exec(id)?.[1] ?? -1)
    return this.#holdings.isLive(slot) && this.#idOf(slot) === id ? slot : null
  }

  #idOf(slot: number): string {
    return `${slot}-${hash('sha256', this.#holdings.tokenOf(slot), 'hex').slice(0, 12)}`
  }

  #isMeant(slot: number, { application, client, orphaned, grantedBefore }: SessionFilter): boolean {
    const holdings = this.#holdings
    if (application !== undefined && holdings.applicationOf(slot).name !== application) return false
    if (client !== undefined && holdings.clientOf(slot).label !== client) return false
    if (orphaned !== undefined && (holdings.resumableUntil(slot) !== null) !== orphaned) return false
    return grantedBefore === undefined || holdings.grantedAt(slot) <= grantedBefore
  }

  /** Sorted all the time, so that a hundred of a hundred thousand cost no sort of them all. */
  #keepOldest(oldest: number[], slot: number, most: number): void {
    const at = this.#holdings.grantedAt(slot)
    if (oldest.length === most && at >= this.#holdings.grantedAt(oldest[most - 1]!)) return
    let [low, high] = [0, oldest.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#holdings.grantedAt(oldest[middle]!) <= at) low = middle + 1
      else high = middle
    }
    oldest.splice(low, 0, slot)
    if (oldest.length > most) oldest.pop()
  }

  #view(slot: number): ListedSession {
    const holdings = this.#holdings
    const { label, process } = holdings.clientOf(slot)
    return {
      id: this.#idOf(slot),
      key: holdings.keyOf(slot),
      application: holdings.applicationOf(slot).name,
      client: label,
      process,
      grantedAt: holdings.grantedAt(slot),
      resumableUntil: holdings.resumableUntil(slot),
    }
  }
}
