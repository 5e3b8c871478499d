import { type Application, ApplicationTable } from './applications.ts'
import { ClientKeys } from './client-keys.ts'
import { type Client, type ClientRecord, ClientTable, type OrphanCohort } from './client-table.ts'
import type { EndedSession, ReleaseCause, SessionPolicy } from './policy.ts'
import type { EarlierSessions, RecordSink } from './records.ts'
import type { SignedSession } from './signed-token.ts'
import { emptyList, NONE, SlotTable } from './slot-table.ts'
import { formatToken, parseToken } from './token.ts'

/**
 * Who holds which session. A session is in one of two states: **held** (on its client's list) or **orphaned**
 * (in a cohort, after its client's connection ended or the daemon was restarted); both are counted.
 *   take:   free -> held        restore: free -> orphaned
 *   orphan: held -> orphaned    resume:  orphaned or another's -> held
 *   end:    held or orphaned -> free
 * These five alone change a session, and each notes what the journal must be told.
 */
export class Holdings {
  readonly applications: ApplicationTable
  readonly clients = new ClientTable()
  readonly cohorts = new Set<OrphanCohort>()
  readonly #slots = new SlotTable<Client['held'] | OrphanCohort>()
  readonly #keys = new ClientKeys(this.#slots)
  readonly #nonces: () => number
  #orphaned = 0

  /** @param nonces gives a whole number of 48 random bits at each call. */
  constructor(policy: SessionPolicy, nonces: () => number) {
    this.applications = new ApplicationTable(policy)
    this.#nonces = nonces
  }

  /** Sessions counted now, orphaned ones included. */
  get inUse(): number {
    return this.#slots.live
  }

  get orphaned(): number {
    return this.#orphaned
  }

  tokenOf(slot: number): string {
    return formatToken(slot, this.#slots.nonceHigh[slot]!, this.#slots.nonceLow[slot]!)
  }

  keyOf(slot: number): string {
    return this.#slots.keyOf(slot)
  }

  /** The slot of the client's session of that key; undefined where it has none. */
  slotOf(client: Client, key: string): number | undefined {
    return this.#keys.slotOf(client, key)
  }

  /** What a signed token of that session would say; null where it is not held. */
  sessionOf(token: string): SignedSession | null {
    const slot = this.find(token)
    if (slot === NONE) return null
    const application = this.applicationOf(slot).name
    return { application, key: this.keyOf(slot), grantedAt: this.grantedAt(slot) }
  }

  /** What its holder is told where the daemon ends a session. */
  ended(slot: number, cause: ReleaseCause): EndedSession {
    return { client: this.clientOf(slot), token: this.tokenOf(slot), key: this.keyOf(slot), cause }
  }

  clientOf(slot: number): Client {
    return this.clients.at(this.#slots.client[slot]!)!
  }

  /** The slot of the session that the token proves, or NONE where it is not held any more. */
  find(token: string): number {
    const parsed = parseToken(token)
    if (parsed === null || !this.#slots.isLive(parsed.slot)) return NONE
    const { slot } = parsed
    const same =
      this.#slots.nonceHigh[slot] === parsed.nonceHigh && this.#slots.nonceLow[slot] === parsed.nonceLow
    return same ? slot : NONE
  }

  /** The slots of all held sessions. */
  *live(): Generator<number> {
    for (let slot = 0; slot < this.#slots.end; slot++) if (this.#slots.isLive(slot)) yield slot
  }

  isLive(slot: number): boolean {
    return this.#slots.isLive(slot)
  }

  applicationOf(slot: number): Application {
    return this.applications.at(this.#slots.application[slot]!)
  }

  /** Monotonic milliseconds. */
  grantedAt(slot: number): number {
    return this.#slots.grantedAt[slot]!
  }

  /** Until when an orphaned session can be resumed, in monotonic milliseconds; null for one that is held. */
  resumableUntil(slot: number): number | null {
    return this.#cohortOf(slot)?.deadline ?? null
  }

  /** What is in a slot: nothing, a session that only the journal told of so far, or one that somebody holds in this run. */
  occupant(slot: number): 'none' | 'restored' | 'taken' {
    if (!this.#slots.isLive(slot)) return 'none'
    return this.#slots.isRestored(slot) ? 'restored' : 'taken'
  }

  /** Whether a session is of an earlier run, and known from the journal. */
  isEarlier(slot: number): boolean {
    return this.#slots.isEarlier(slot)
  }

  /** Sessions older than their application allows. */
  *tooOld(now: number): Generator<number> {
    if (!this.applications.anyHasMaxDuration) return
    for (const slot of this.live()) {
      const { maxDurationMs } = this.applicationOf(slot)
      if (maxDurationMs !== null && now - this.grantedAt(slot) >= maxDurationMs) yield slot
    }
  }

  // ---- the five changes

  /** @param own a free slot to use; NONE for any. */
  take(client: Client, application: Application, key: string, grantedAt: number, own = NONE): number {
    if (own !== NONE) this.#slots.takeThis(own, client.held)
    const slot = own === NONE ? this.#slots.take(client.held) : own
    this.#slots.nonceHigh[slot] = this.#nonces()
    this.#slots.nonceLow[slot] = this.#nonces()
    this.#fill(slot, client, application, grantedAt)
    this.#slots.setKey(slot, key)
    this.#keys.note(client, slot)
    if (!client.journaled) this.clients.touch(client)
    return slot
  }

  orphan(client: Client, deadline: number): void {
    const { held } = client
    if (held.size === 0) return
    const cohort = this.#newCohort(client, deadline)
    this.#orphaned += held.size
    while (held.head !== NONE) {
      this.applicationOf(held.head).orphaned++
      this.#slots.move(held.head, cohort, false)
    }
  }

  /** Makes the session one that `client` holds, whoever held it before. */
  resume(client: Client, slot: number): void {
    const owner = this.clientOf(slot)
    const cohort = this.#cohortOf(slot)
    if (owner === client && cohort === null) return
    this.#slots.move(slot, client.held, owner !== client)
    if (owner !== client) this.#handOver(slot, owner, client)
    if (cohort === null) return
    this.#orphaned--
    this.applicationOf(slot).orphaned--
    this.#dropIfEmpty(cohort)
  }

  end(slot: number): void {
    const client = this.clientOf(slot)
    const cohort = this.#cohortOf(slot)
    const application = this.applicationOf(slot)
    this.#keys.forget(client, slot)
    this.#slots.free(slot)
    application.inUse--
    client.sessions--
    if (cohort === null) return
    this.#orphaned--
    application.orphaned--
    this.#dropIfEmpty(cohort)
  }

  /** Takes what an earlier run left in the journal; all of it is orphaned. */
  restore(clients: Iterable<ClientRecord>, from: EarlierSessions, deadline: number, isBehind: boolean): void {
    const cohorts = new Map<number, OrphanCohort>()
    for (const record of clients) {
      cohorts.set(record.index, this.#newCohort(this.clients.restore(record, isBehind), deadline))
    }
    this.#slots.expect(from)
    from.each((slot, client, application, nonceHigh, nonceLow, grantedAt) => {
      let cohort = cohorts.get(client)
      if (cohort === undefined) {
        // A damaged journal lost the client. The session was granted all the same, and its token proves it.
        cohort = this.#newCohort(this.clients.restoreNameless(client), deadline)
        cohorts.set(client, cohort)
      }
      this.#slots.restore(slot, cohort)
      this.#orphaned++
      const counted = this.applications.restored(application)
      counted.orphaned++
      this.#fill(slot, cohort.client, counted, grantedAt)
      this.#slots.nonceHigh[slot] = nonceHigh
      this.#slots.nonceLow[slot] = nonceLow
    })
    this.#slots.rebuildFree()
    this.clients.rebuildFree()
    for (const cohort of cohorts.values()) this.#dropIfEmpty(cohort)
  }

  // ---- the journal

  get hasChanges(): boolean {
    return this.#slots.hasChanges || this.clients.hasChanges
  }

  /** Tells the sink what changed since the last `changesWritten`. */
  writeChanges(sink: RecordSink): void {
    this.clients.eachChange(sink)
    this.#slots.eachChange(
      slot => this.#put(slot, sink),
      slot => sink.removeSession(slot),
    )
  }

  /** The journal has every change now. */
  changesWritten(): void {
    this.#slots.changesWritten()
    this.clients.changesWritten()
  }

  /**
   * Tells the sink what is held at `count` places from `place` on: at each the client and the session of that number.
   * Gives the place after them, null at the end.
   */
  writeHeld(sink: RecordSink, place: number, count: number): number | null {
    const end = Math.max(this.clients.end, this.#slots.end)
    const next = Math.min(place + count, end)
    for (let at = place; at < next; at++) {
      const client = this.clients.toJournal(at)
      if (client !== undefined) sink.putClient(client)
      if (this.#slots.isLive(at)) this.#put(at, sink)
    }
    return next < end ? next : null
  }

  /** The journal has just what is held now. */
  allWritten(): void {
    this.#slots.journalReplaced()
    this.clients.journalReplaced()
  }

  // ---- the parts

  #put(slot: number, sink: RecordSink): void {
    const slots = this.#slots
    sink.putSession(
      slot,
      slots.client[slot]!,
      this.applicationOf(slot).name,
      slots.keyOf(slot),
      slots.nonceHigh[slot]!,
      slots.nonceLow[slot]!,
      slots.grantedAt[slot]!,
    )
  }

  #fill(slot: number, client: Client, application: Application, grantedAt: number): void {
    this.#slots.client[slot] = client.index
    this.#slots.application[slot] = application.index
    this.#slots.grantedAt[slot] = grantedAt
    if (++application.inUse > application.peak) application.peak = application.inUse
    client.sessions++
  }

  #handOver(slot: number, from: Client, to: Client): void {
    this.#keys.forget(from, slot)
    this.#keys.note(to, slot)
    from.sessions--
    to.sessions++
    this.#slots.client[slot] = to.index
    if (!to.journaled) this.clients.touch(to)
    this.clients.forgetIfGone(from)
  }

  /** The cohort in which an orphaned session waits; null for a held one. */
  #cohortOf(slot: number): OrphanCohort | null {
    const list = this.#slots.listOf(slot)
    return 'deadline' in list ? list : null
  }

  #newCohort(client: Client, deadline: number): OrphanCohort {
    const cohort: OrphanCohort = { ...emptyList(), client, process: client.process, deadline }
    this.cohorts.add(cohort)
    client.cohorts.add(cohort)
    return cohort
  }

  #dropIfEmpty(cohort: OrphanCohort): void {
    if (cohort.size > 0) return
    this.cohorts.delete(cohort)
    cohort.client.cohorts.delete(cohort)
    this.clients.forgetIfGone(cohort.client)
  }
}
