import { refusalOf } from './admission.ts'
import { Adoptions, type LostSession } from './adoptions.ts'
import { type Application, type ApplicationTable, noTotals, notePeak, type Totals } from './applications.ts'
import type { Client, ClientRecord, OrphanCohort, ProcessIdentity } from './client-table.ts'
import { Holdings } from './holdings.ts'
import { Listing } from './listing.ts'
import type { AcquireDecision, EndedSession, ReleaseCause, ResumeDecision, SessionPolicy } from './policy.ts'
import type { EarlierSessions, RecordSink } from './records.ts'
import type { SignedSession, TokenSigner } from './signed-token.ts'
import { NONE } from './slot-table.ts'

export interface CounterOptions {
  readonly policy: SessionPolicy
  /** Gives a whole number of 48 random bits at each call. */
  readonly nonces: () => number
  /** The key and the run of the daemon before this one, whose signed tokens may be adopted; null for none. */
  readonly previousSigner: TokenSigner | null
}

/**
 * The counter of sessions: decides on each request at the `now` it is given (monotonic milliseconds). It does
 * no I/O and reads no clock. After each turn its caller writes the changes to the journal, and only then
 * lets the decisions of the turn leave.
 */
export class SessionCounter {
  readonly totals: Totals = noTotals()
  readonly listing: Listing
  readonly #holdings: Holdings
  readonly #adoptions: Adoptions
  #policy: SessionPolicy
  #draining = false

  constructor(options: CounterOptions) {
    this.#policy = options.policy
    this.#adoptions = new Adoptions(options.previousSigner)
    this.#holdings = new Holdings(options.policy, options.nonces)
    this.listing = new Listing(this.#holdings)
  }

  /** Sessions counted now, orphaned ones included. */
  get inUse(): number {
    return this.#holdings.inUse
  }

  get orphaned(): number {
    return this.#holdings.orphaned
  }

  get limit(): number {
    return this.#policy.limit
  }

  /** Known clients: those connected, and those whose sessions are still counted. */
  get clients(): number {
    return this.#holdings.clients.count
  }

  get applications(): ApplicationTable {
    return this.#holdings.applications
  }

  get draining(): boolean {
    return this.#draining
  }

  /** A new policy rules the next grant; no session is touched by it. */
  setPolicy(policy: SessionPolicy): void {
    this.#policy = policy
    this.applications.setPolicy(policy)
  }

  /** From now on nothing is granted: the daemon is about to stop. */
  drain(): void {
    this.#draining = true
  }

  // ---- clients

  /**
   * A connection begins to speak for a client, known by its identity where it has one. Where the client is
   * attached already, the newer connection supersedes the older, whose sessions become orphaned until they
   * are resumed.
   */
  attach(record: Omit<ClientRecord, 'index'>, now: number): { client: Client; superseded: boolean } {
    const { clients } = this.#holdings
    const client = clients.withIdentity(record.identity) ?? clients.add(record)
    const superseded = client.attachment !== null
    if (superseded) this.#holdings.orphan(client, now + this.#policy.resumeWindowMs)
    client.label = record.label
    client.process = record.process
    if (client.journaled) clients.touch(client)
    clients.attach(client)
    return { client, superseded }
  }

  /** The connection of that attachment ended. Does nothing where a newer one took its place. */
  detach(client: Client, attachment: number, now: number): void {
    if (client.attachment !== attachment) return
    client.attachment = null
    this.#holdings.orphan(client, now + this.#policy.resumeWindowMs)
    this.#holdings.clients.forgetIfGone(client)
  }

  /** Orphaned sessions of the client, which it may resume. */
  resumable(client: Client): number {
    return client.sessions - client.held.size
  }

  // ---- requests

  acquire(client: Client, application: Application, key: string, now: number): AcquireDecision {
    const existing = this.#holdings.slotOf(client, key)
    if (existing !== undefined) {
      this.#holdings.resume(client, existing)
      return this.#granted(existing, true)
    }
    const reason = this.#draining ? 'draining' : refusalOf(this.#policy, client, application, this.inUse)
    if (reason !== null) {
      application.denied++
      this.totals.denied.set(reason, (this.totals.denied.get(reason) ?? 0) + 1)
      return { granted: false, reason, inUse: this.inUse, limit: this.#policy.limit }
    }
    this.totals.granted++
    application.granted++
    return this.#granted(this.#take(client, application, key, now), false)
  }

  /** Whether the token was that of a held session, which is counted off now. */
  release(token: string, cause: ReleaseCause = 'released'): boolean {
    const slot = this.#holdings.find(token)
    if (slot !== NONE) this.#end(slot, cause)
    return slot !== NONE
  }

  /** Takes the sessions of these tokens for the client, whoever held them. */
  resume(client: Client, tokens: readonly string[], now: number): ResumeDecision {
    const unknown: string[] = []
    const replaced: Record<string, string> = {}
    let resumed = 0
    for (const token of tokens) {
      if (this.#resumeOne(client, token)) {
        resumed++
        continue
      }
      const adopted = this.#adopt(client, token, now)
      if (adopted === null) unknown.push(token)
      else {
        replaced[token] = adopted
        resumed++
      }
    }
    return { resumed, unknown, replaced }
  }

  /** What a signed token of that session would say; null where it is not held. */
  sessionOf(token: string): SignedSession | null {
    return this.#holdings.sessionOf(token)
  }

  /** Takes all orphaned sessions of the client. */
  resumeAll(client: Client): ResumeDecision {
    let resumed = 0
    for (const cohort of client.cohorts) {
      while (cohort.head !== NONE) {
        this.#holdings.resume(client, cohort.head)
        resumed++
      }
    }
    return { resumed, unknown: [], replaced: {} }
  }

  // ---- time

  /** Releases what nobody resumed in time and what is older than its application allows; gives the latter. */
  expire(now: number): EndedSession[] {
    this.#adoptions.expire(now)
    for (const cohort of this.#holdings.cohorts) {
      if (cohort.deadline <= now) this.#endCohort(cohort, 'orphan-timeout')
    }
    const ended: EndedSession[] = []
    for (const slot of this.#holdings.tooOld(now)) {
      ended.push(this.#holdings.ended(slot, 'max-duration'))
      this.#end(slot, 'max-duration')
    }
    return ended
  }

  /** Processes that left orphaned sessions behind; if one is dead, tell `releaseDead`. */
  orphanedProcesses(): ProcessIdentity[] {
    const processes: ProcessIdentity[] = []
    for (const { process } of this.#holdings.cohorts) if (process !== null) processes.push(process)
    return processes
  }

  /** Releases at once what a process that is known to be dead left behind. Gives the number released. */
  releaseDead(dead: ProcessIdentity): number {
    let released = 0
    for (const cohort of this.#holdings.cohorts) {
      if (cohort.process?.pid !== dead.pid || cohort.process.startTime !== dead.startTime) continue
      released += cohort.size
      this.#endCohort(cohort, 'dead-process')
    }
    return released
  }

  // ---- journal

  /** Takes what an earlier run left in the journal; `isBehind`: see `ClientTable.restore`. Every session starts orphaned. */
  restore(clients: Iterable<ClientRecord>, from: EarlierSessions, now: number, isBehind = false): void {
    const deadline = now + this.#policy.resumeWindowMs
    this.#adoptions.openUntil(deadline)
    this.#holdings.restore(clients, from, deadline, isBehind)
    notePeak(this.totals, this.inUse)
  }

  get hasChanges(): boolean {
    return this.#holdings.hasChanges
  }

  /** Tells the sink what changed since the last `changesWritten`. */
  writeChanges(sink: RecordSink): void {
    this.#holdings.writeChanges(sink)
  }

  changesWritten(): void {
    this.#holdings.changesWritten()
  }

  /** Tells the sink of a new journal what is held, some of it a call; see `Holdings.writeHeld`. */
  writeHeld(sink: RecordSink, place: number, count: number): number | null {
    return this.#holdings.writeHeld(sink, place, count)
  }

  allWritten(): void {
    this.#holdings.allWritten()
  }

  // ---- the parts

  /** Whether the token was that of a held session, which the client holds now. */
  #resumeOne(client: Client, token: string): boolean {
    const slot = this.#holdings.find(token)
    if (slot !== NONE) this.#holdings.resume(client, slot)
    return slot !== NONE
  }

  #granted(slot: number, repeated: boolean): AcquireDecision {
    const token = this.#holdings.tokenOf(slot)
    return { granted: true, repeated, slot, token, inUse: this.inUse, limit: this.#policy.limit }
  }

  #take(client: Client, application: Application, key: string, grantedAt: number, own = NONE): number {
    const slot = this.#holdings.take(client, application, key, grantedAt, own)
    notePeak(this.totals, this.inUse)
    return slot
  }

  #end(slot: number, cause: ReleaseCause): void {
    // A process may be dead of which the journal could not be told that a later one took its sessions over.
    if (cause !== 'dead-process' && this.#holdings.isEarlier(slot))
      this.#adoptions.ended(this.#holdings.tokenOf(slot))
    this.#holdings.end(slot)
    this.totals.ended[cause]++
  }

  #endCohort(cohort: OrphanCohort, cause: ReleaseCause): void {
    while (cohort.head !== NONE) this.#end(cohort.head, cause)
  }

  /** Counts a session again that a crash lost, once, on the proof of its signature. Gives its new token. */
  #adopt(client: Client, token: string, now: number): string | null {
    const proven = this.#adoptions.prove(token, now)
    if (proven === null) return null
    const { adoptedAs } = proven
    if (adoptedAs !== null) return this.#resumeOne(client, adoptedAs) ? adoptedAs : null
    const own = this.#slotFor(proven)
    if (own === null) return null
    const application = this.applications.restored(proven.application)
    const adopted = this.#holdings.tokenOf(this.#take(client, application, proven.key, proven.grantedAt, own))
    this.#adoptions.adopted(proven.lost, adopted)
    this.totals.adopted++
    return adopted
  }

  /**
   * The slot for a lost session: its own, NONE for any, or null where it cannot be counted again. A token does
   * not tell whether its session was released since, so Law 1 needs a bound: one session for each slot is never
   * more than were held at once.
   */
  #slotFor({ slot, isNewest }: LostSession): number | null {
    const isFull = this.inUse >= this.#policy.limit
    const occupant = this.#holdings.occupant(slot)
    if (occupant === 'none') return isFull && this.totals.granted > 0 ? null : slot
    if (occupant === 'taken' || !isNewest) return isFull ? null : NONE
    // The journal could not be told that what it has in this slot was released. Had somebody claimed it since, it
    // would be a live call: also a new call with the key of one that ended may have got it.
    this.#end(slot, 'released')
    return slot
  }
}
