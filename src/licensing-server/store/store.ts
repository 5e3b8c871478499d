import type { Product } from '../../license/fields.ts'
import type { SealedEvent } from '../ledger/chain.ts'
import type {
  Customer,
  Installation,
  InstallationKey,
  InstallationState,
  LedgerChange,
  MachineSearch,
  Pool,
  Situation,
  Standing,
  StoredRevocationList,
  Transfer,
  TransferState,
} from '../ledger/model.ts'

/** At most so many rows are given at once; `after` goes on from the last one. */
export const pageSize = 500

/** At most so many installations are looked at for the machine that shows a key, the likeliest first. */
export const maxCandidates = 20

/**
 * The ledger's database. Both kinds (SQLite, PostgreSQL) behave the same; one test suite runs on both.
 *
 * There are no locks to hold and no transaction to keep open while something is decided or signed: rows are
 * read, a pure function decides, and `commit` writes the change in one transaction if the rows are still
 * what they were (see LedgerChange). So a signature, which takes longer than everything else together, is
 * made outside of any transaction, and no license exists that is not signed.
 *
 * Faults: `ledger-unavailable` (retryable) where the database does not answer in time.
 */
export interface LedgerStore extends LedgerReader {
  /** True: written, durably. False: something it rests on has changed; nothing was written. */
  commit(change: LedgerChange): Promise<boolean>
  /**
   * Says whether who reads and commits has little left to do from now on: then what is gathered to be read or written
   * together waits no longer than it has to. So it is from the start.
   */
  hurry(isHurried: boolean): void
  /** Everything that `work` reads is as of one instant, however long it takes; nobody waits for it. */
  snapshot<Result>(work: (reader: LedgerReader) => Promise<Result>): Promise<Result>
  /** Answers where the database does. */
  ping(): Promise<void>
  close(): Promise<void>
}

export interface LedgerReader {
  customer(customerId: string): Promise<Customer | null>
  customers(page?: { after?: string }): Promise<Customer[]>
  pool(poolId: string): Promise<Pool | null>
  pools(filter?: { customerId?: string; after?: string }): Promise<Pool[]>
  key(keyId: string): Promise<InstallationKey | null>
  keys(filter?: { poolId?: string; after?: string }): Promise<InstallationKey[]>
  /** One installation with all that belongs to it, as of one instant. */
  situation(installationId: string): Promise<Situation | null>
  /** The text of a license; null where the installation has received another one since. */
  issuedLicense(licenseId: string, installationId: string): Promise<string | null>
  installations(filter?: InstallationFilter): Promise<Installation[]>
  /** Installations that share a machine key or a strong fact with the machine; not deactivated ones. */
  candidates(search: MachineSearch): Promise<Installation[]>
  transfer(transferId: string): Promise<Transfer | null>
  transfers(filter?: { poolId?: string; state?: TransferState; after?: string }): Promise<Transfer[]>
  revocationLists(): Promise<StoredRevocationList[]>
  /** The latest events of a stream, oldest first. */
  latestEvents(stream: string, limit: number): Promise<SealedEvent[]>
  /** Events in the order of stream and sequence, from the one after `after`: the order of verification. */
  eventsByStream(after: { stream: string; sequence: number } | null): Promise<SealedEvent[]>
}

export interface InstallationFilter {
  customerId?: string
  poolId?: string
  product?: Product
  standing?: Standing
  state?: InstallationState
  after?: string
}
