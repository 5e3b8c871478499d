import type { AddressInfo } from 'node:net'
import type { Config } from './config/schema.ts'

/** A daemon that was started; see startDaemon. */
export interface RunningDaemon {
  /** Where it listens. */
  readonly addresses: {
    readonly unix: string
    readonly tcp: AddressInfo | null
    /** Of metrics and probes; null where they are not served. */
    readonly operations: AddressInfo | null
  }
  /** Sessions, license, and what is wrong, in one line. */
  readonly statusLine: string
  /** Takes a changed configuration, looks at trust and license anew. No session or connection is touched. */
  reload(config: Config): Promise<void>
  /** Puts on record that a changed configuration was not taken. */
  reloadFailed(why: unknown): void
  /** Grants nothing more, says so, closes all connections. Sessions stay in the journal for the next start. */
  stop(reason: string): Promise<void>
}
