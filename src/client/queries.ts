import type { Fault } from '../errors.ts'
import type { Query, QueryEntry } from './entries.ts'
import type { Outbox } from './outbox.ts'

/** Questions about the daemon (`status.get`, `license.get`) that wait for their answers. */
export class Queries {
  readonly #outbox: Outbox
  readonly #open = new Set<QueryEntry>()

  constructor(outbox: Outbox) {
    this.#outbox = outbox
  }

  ask(
    method: Query,
    deadline: number,
    resolve: (result: object) => void,
    reject: (fault: unknown) => void,
  ): void {
    const entry: QueryEntry = { kind: 'query', id: 0, method, resolve, reject, deadline, settled: false }
    this.#open.add(entry)
    this.#outbox.enqueue(entry)
  }

  answered(entry: QueryEntry, result: object): void {
    this.#settle(entry)
    entry.resolve(result)
  }

  failed(entry: QueryEntry, fault: Fault): void {
    this.#settle(entry)
    entry.reject(fault)
  }

  /** Fails those whose time is over at `now`; returns the next deadline. */
  expire(now: number, fault: () => Fault): number {
    let next = Number.POSITIVE_INFINITY
    for (const entry of this.#open) {
      if (entry.deadline <= now) this.failed(entry, fault())
      else next = Math.min(next, entry.deadline)
    }
    return next
  }

  failAll(fault: Fault): void {
    for (const entry of this.#open) this.failed(entry, fault)
  }

  #settle(entry: QueryEntry): void {
    entry.settled = true
    this.#open.delete(entry)
  }
}
