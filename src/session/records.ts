import type { ClientRecord } from './client-table.ts'

/**
 * The sessions that an earlier run left, one for each slot. Of a hundred thousand that are taken over most keys are
 * never asked for, so they are read one by one, and then.
 */
export interface EarlierSessions {
  /** Greater than every slot. */
  readonly end: number
  /** Tells each of them, without its key, and makes no object for it: a restart waits for this. */
  each(
    visit: (
      slot: number,
      client: number,
      application: string,
      nonceHigh: number,
      nonceLow: number,
      grantedAt: number,
    ) => void,
  ): void
  keyOf(slot: number): string
}

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
