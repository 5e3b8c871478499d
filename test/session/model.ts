import type { ClientRecord, ProcessIdentity } from '../../src/session/client-table.ts'
import type { RefusalReason, ReleaseCause, SessionPolicy } from '../../src/session/policy.ts'

// What the counter should do, said once more as plainly as possible: maps, loops, no lists to keep in step.

export interface ModelClient {
  identity: string | null
  label: string | null
  process: ProcessIdentity | null
  /** The connection it is attached by. */
  connection: number | null
  /** Keys under which it took over a second session: by such a key only one of the two is found. */
  readonly twins: Set<string>
}

export interface ModelSession {
  /** The plain token, `SLOT.NONCE`. */
  readonly token: string
  readonly key: string
  readonly application: string
  readonly grantedAt: number
  client: ModelClient
  /** Null while it is held. */
  orphan: { readonly deadline: number; readonly process: ProcessIdentity | null } | null
}

/** What was committed: all that is left of a model after a crash. */
export type Committed = readonly ModelSession[]

export class Model {
  policy: SessionPolicy
  draining = false
  readonly sessions = new Map<string, ModelSession>()
  readonly attached = new Set<ModelClient>()
  readonly applications = new Set<string>()
  /** Plain token of a session that was lost in a crash to that of the one it came back as. */
  readonly adopted = new Map<string, string>()
  /** Sessions of earlier runs, as the journal told of them. */
  readonly restored = new Set<ModelSession>()
  /**
   * Plain tokens of all that the journal told of: what has ended of these was not lost, and does not come back; unless its
   * process was found dead, of which the journal may not know that another took its sessions over.
   */
  readonly earlier: Set<string>
  readonly adoptUntil: number
  granted = 0
  peak: number
  readonly denied = new Map<RefusalReason, number>()
  readonly ended: Record<ReleaseCause, number> = {
    released: 0,
    'orphan-timeout': 0,
    'dead-process': 0,
    'max-duration': 0,
    operator: 0,
  }

  constructor(policy: SessionPolicy, committed: Committed, now: number) {
    this.policy = policy
    this.adoptUntil = now + policy.resumeWindowMs
    this.peak = committed.length
    this.earlier = new Set(committed.map(({ token }) => token))
    for (const session of committed) {
      const { client } = session
      const orphan = { deadline: this.adoptUntil, process: client.process }
      if (this.withKey(client, session.key).length > 0) client.twins.add(session.key)
      const restored = { ...session, orphan }
      this.sessions.set(session.token, restored)
      this.restored.add(restored)
      this.applications.add(session.application)
    }
  }

  commit(): Committed {
    const copies = new Map<ModelClient, ModelClient>()
    const copyOf = (client: ModelClient): ModelClient => {
      const copy = copies.get(client) ?? { ...client, connection: null, twins: new Set<string>() }
      copies.set(client, copy)
      return copy
    }
    return [...this.sessions.values()].map(session => ({ ...session, client: copyOf(session.client) }))
  }

  get orphaned(): number {
    return [...this.sessions.values()].filter(session => session.orphan !== null).length
  }

  /** Clients that are connected or whose sessions are counted. */
  get clients(): Set<ModelClient> {
    return new Set([...this.attached, ...[...this.sessions.values()].map(session => session.client)])
  }

  /** The held session that a token proves: what follows the nonce matters only for lost ones. */
  named(token: string): ModelSession | undefined {
    return this.sessions.get(token.split('.').slice(0, 2).join('.'))
  }

  inSlotOf(token: string): ModelSession | undefined {
    const [slot] = token.split('.')
    return [...this.sessions.values()].find(session => session.token.startsWith(`${slot}.`))
  }

  of(client: ModelClient): ModelSession[] {
    return [...this.sessions.values()].filter(session => session.client === client)
  }

  withKey(client: ModelClient, key: string): ModelSession[] {
    return this.of(client).filter(session => session.key === key)
  }

  in(application: string): ModelSession[] {
    return [...this.sessions.values()].filter(session => session.application === application)
  }

  attach(record: Omit<ClientRecord, 'index'>, connection: number, now: number): ModelClient {
    const known = [...this.clients].find(
      client => client.identity !== null && client.identity === record.identity,
    )
    const client = known ?? { ...record, connection: null, twins: new Set() }
    this.#orphan(client, now)
    client.label = record.label
    client.process = record.process
    client.connection = connection
    this.attached.add(client)
    return client
  }

  detach(client: ModelClient, connection: number, now: number): void {
    if (client.connection !== connection) return
    this.#orphan(client, now)
    client.connection = null
    this.attached.delete(client)
  }

  #orphan(client: ModelClient, now: number): void {
    const orphan = { deadline: now + this.policy.resumeWindowMs, process: client.process }
    for (const session of this.of(client)) session.orphan ??= orphan
  }

  /** Whether the application can be counted at all: only so many different names are kept. */
  knows(application: string): boolean {
    if (!this.applications.has(application) && this.applications.size >= this.policy.maxApplications)
      return false
    this.applications.add(application)
    return true
  }

  /** Why a session that is not held yet must be refused now; null where it must be granted. */
  refusal(client: ModelClient, application: string): RefusalReason | null {
    const { policy } = this
    const { max = null, feature = null } = policy.applications.get(application) ?? {}
    const judged: [boolean, RefusalReason | null][] = [
      [this.draining, 'draining'],
      [policy.refusal !== null, policy.refusal],
      [feature !== null && !policy.features.has(feature), 'feature-not-licensed'],
      [this.of(client).length >= policy.maxSessionsPerClient, 'client-limit-reached'],
      [max !== null && this.in(application).length >= max, 'application-limit-reached'],
      [this.sessions.size >= policy.limit, 'limit-reached'],
    ]
    return judged.find(([applies]) => applies)?.[1] ?? null
  }

  hold(session: ModelSession): void {
    this.sessions.set(session.token, session)
    this.applications.add(session.application)
    this.peak = Math.max(this.peak, this.sessions.size)
  }

  resume(client: ModelClient, session: ModelSession): void {
    if (session.client !== client && this.withKey(client, session.key).length > 0)
      client.twins.add(session.key)
    session.client = client
    session.orphan = null
    this.restored.delete(session)
  }

  end(session: ModelSession, cause: ReleaseCause): void {
    this.sessions.delete(session.token)
    this.ended[cause]++
    if (cause === 'dead-process') this.earlier.delete(session.token)
    if (this.withKey(session.client, session.key).length === 0) session.client.twins.delete(session.key)
  }

  /** Ends what nobody resumed in time; then what is too old, which it gives. */
  expire(now: number): ModelSession[] {
    for (const session of this.sessions.values()) {
      if (session.orphan !== null && session.orphan.deadline <= now) this.end(session, 'orphan-timeout')
    }
    const old = [...this.sessions.values()].filter(({ application, grantedAt }) => {
      const maxDurationMs = this.policy.applications.get(application)?.maxDurationMs ?? null
      return maxDurationMs !== null && now - grantedAt >= maxDurationMs
    })
    for (const session of old) this.end(session, 'max-duration')
    return old
  }

  releaseDead(dead: ProcessIdentity): number {
    const left = [...this.sessions.values()].filter(
      ({ orphan }) => orphan?.process?.pid === dead.pid && orphan.process.startTime === dead.startTime,
    )
    for (const session of left) this.end(session, 'dead-process')
    return left.length
  }
}
