import type { ClientRecord } from './client-table.ts'

/** What the journal keeps of a session. */
export interface SessionRecord {
  readonly slot: number
  /** Index of its client's record. */
  readonly client: number
  readonly application: string
  readonly key: string
  readonly nonceHigh: number
  readonly nonceLow: number
  /** Monotonic milliseconds since the machine's boot. */
  readonly grantedAt: number
}

/** Takes the changes of a turn, in an order in which they can be carried out one by one. */
export interface RecordSink {
  removeClient(index: number): void
  putClient(client: ClientRecord): void
  removeSession(slot: number): void
  /** The columns of a `SessionRecord`, one by one: this is called for every grant. */
  putSession(
    slot: number,
    client: number,
    application: string,
    key: string,
    nonceHigh: number,
    nonceLow: number,
    grantedAt: number,
  ): void
}
