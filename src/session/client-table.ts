import type { RecordSink } from './records.ts'
import { emptyList, type SlotList } from './slot-table.ts'

/** The process that owns a client's calls. The start time tells it from a later process with the same pid. */
export interface ProcessIdentity {
  readonly pid: number
  /** Field 22 of `/proc/PID/stat`, in clock ticks since boot. */
  readonly startTime: number
}

/** Sessions that one client left behind when its connection ended. */
export interface OrphanCohort extends SlotList {
  readonly client: Client
  readonly process: ProcessIdentity | null
  /** Monotonic milliseconds; from then on they are released. */
  readonly deadline: number
}

/**
 * The program behind a connection. With an identity (derived from client id and secret) it lives across
 * connections; without one it ends with its connection, and only its orphaned sessions remain.
 */
export interface Client {
  readonly index: number
  readonly identity: string | null
  label: string | null
  process: ProcessIdentity | null
  /** The connection it is attached by, as a number that is never used twice; null while disconnected. */
  attachment: number | null
  /** Its sessions while it is connected. */
  readonly held: SlotList
  readonly cohorts: Set<OrphanCohort>
  /**
   * Its sessions by the client's own key, held and orphaned; null where they are to be read first: the client is
   * of an earlier run and asked for no key yet, or one of two with the same key ended.
   */
  byKey: Map<string, number> | null
  /** Two of its sessions had one key, since `byKey` was made. */
  sharesKeys: boolean
  /** All its sessions, held and orphaned. */
  sessions: number
  journaled: boolean
  dirty: boolean
}

/** What the journal keeps of a client. */
export interface ClientRecord {
  readonly index: number
  readonly identity: string | null
  readonly label: string | null
  readonly process: ProcessIdentity | null
}

/** The known clients: those connected, and those whose sessions are still counted. */
export class ClientTable {
  readonly #clients: (Client | undefined)[] = []
  readonly #free: number[] = []
  readonly #byIdentity = new Map<string, Client>()
  readonly #dirty: Client[] = []
  #count = 0
  #attachments = 0

  get count(): number {
    return this.#count
  }

  at(index: number): Client | undefined {
    return this.#clients[index]
  }

  withIdentity(identity: string | null): Client | undefined {
    return identity === null ? undefined : this.#byIdentity.get(identity)
  }

  add(record: Omit<ClientRecord, 'index'>): Client {
    const client = this.#insert({ ...record, index: this.#free.pop() ?? this.#clients.length }, false)
    client.byKey = new Map()
    return client
  }

  /**
   * Puts a client that the journal names back under its index. Call `rebuildFree` after the last. Where the journal may
   * be behind, a later process may have taken the sessions over since: the death of the one that is named proves nothing.
   */
  restore(record: ClientRecord, isBehind: boolean): Client {
    if (!isBehind || record.process === null) return this.#insert(record, true)
    const client = this.#insert({ ...record, process: null }, true)
    this.touch(client)
    return client
  }

  /** As `restore`, for one of whom the journal kept nothing but its index. */
  restoreNameless(index: number): Client {
    const client = this.#insert({ index, identity: null, label: null, process: null }, false)
    this.touch(client)
    return client
  }

  rebuildFree(): void {
    this.#free.length = 0
    for (let index = this.#clients.length - 1; index >= 0; index--) {
      if (this.#clients[index] === undefined) this.#free.push(index)
    }
  }

  /** Marks the client as connected, and gives the number by which its connection knows that it still is. */
  attach(client: Client): number {
    client.attachment = ++this.#attachments
    return client.attachment
  }

  touch(client: Client): void {
    if (client.dirty) return
    client.dirty = true
    this.#dirty.push(client)
  }

  /** Forgets a client that is neither connected nor has sessions. */
  forgetIfGone(client: Client): void {
    if (client.attachment !== null || client.sessions > 0) return
    if (this.#clients[client.index] !== client) return
    this.#clients[client.index] = undefined
    this.#free.push(client.index)
    // A damaged journal may name a client under two indexes, of which the other is in use.
    if (client.identity !== null && this.withIdentity(client.identity) === client)
      this.#byIdentity.delete(client.identity)
    this.#count--
    if (client.journaled) this.touch(client)
  }

  *[Symbol.iterator](): Iterator<Client> {
    for (const client of this.#clients) if (client !== undefined) yield client
  }

  get hasChanges(): boolean {
    return this.#dirty.length > 0
  }

  /**
   * Clients come into the journal with their first session, and leave it when they are forgotten. In between,
   * also without a session, their record is kept up to date: the next session will rely on it.
   */
  eachChange(sink: Pick<RecordSink, 'putClient' | 'removeClient'>): void {
    for (const client of this.#dirty) {
      if (client.journaled && this.#clients[client.index] !== client) sink.removeClient(client.index)
    }
    for (const client of this.#dirty) {
      if (this.#belongsInJournal(client)) sink.putClient(client)
    }
  }

  changesWritten(): void {
    for (const client of this.#dirty) {
      client.dirty = false
      client.journaled = this.#belongsInJournal(client)
    }
    this.#dirty.length = 0
  }

  /** One more than the highest index ever used. */
  get end(): number {
    return this.#clients.length
  }

  /** The client of that index, where there is one and a journal that is written anew must have it. */
  toJournal(index: number): Client | undefined {
    const client = this.#clients[index]
    return client !== undefined && this.#belongsInJournal(client) ? client : undefined
  }

  /** The journal was written anew, with every client that `toJournal` gives. */
  journalReplaced(): void {
    for (const client of this.#dirty) client.dirty = false
    this.#dirty.length = 0
    for (const client of this) client.journaled = this.#belongsInJournal(client)
  }

  #belongsInJournal(client: Client): boolean {
    return this.#clients[client.index] === client && (client.journaled || client.sessions > 0)
  }

  #insert(record: ClientRecord, journaled: boolean): Client {
    const client: Client = {
      index: record.index,
      identity: record.identity,
      label: record.label,
      process: record.process,
      attachment: null,
      held: emptyList(),
      cohorts: new Set(),
      byKey: null,
      sharesKeys: false,
      sessions: 0,
      journaled,
      dirty: false,
    }
    while (this.#clients.length < client.index) this.#clients.push(undefined)
    this.#clients[client.index] = client
    if (client.identity !== null) this.#byIdentity.set(client.identity, client)
    this.#count++
    return client
  }
}
