import type { Application } from '../../src/session/applications.ts'
import type { Client, ClientRecord } from '../../src/session/client-table.ts'
import { type CounterOptions, SessionCounter } from '../../src/session/counter.ts'
import type {
  AcquireDecision,
  EndedSession,
  ReleaseCause,
  ResumeDecision,
  SessionPolicy,
} from '../../src/session/policy.ts'
import type { EarlierSessions, RecordSink } from '../../src/session/records.ts'
import type { Daemon } from './world.ts'

// Daemons that break a Law, each in one way that somebody could well write. The histories must find each.

class ReleaseCountsTwice extends SessionCounter {
  readonly #released = new Set<string>()
  #tooMany = 0

  override get inUse(): number {
    return super.inUse - this.#tooMany
  }

  override release(token: string, cause?: ReleaseCause): boolean {
    if (this.#released.has(token)) this.#tooMany++
    const released = super.release(token, cause)
    if (released) this.#released.add(token)
    return released || this.#released.has(token)
  }
}

class OrphansAreForgotten extends SessionCounter {
  override expire(): EndedSession[] {
    return []
  }
}

class OrphansAreDroppedAtOnce extends SessionCounter {
  override detach(client: Client, attachment: number, now: number): void {
    super.detach(client, attachment, now)
    this.expire(Number.MAX_SAFE_INTEGER)
  }
}

class LateDetachEndsNewConnection extends SessionCounter {
  override detach(client: Client, _attachment: number, now: number): void {
    super.detach(client, client.attachment ?? 0, now)
  }
}

class LimitOffByOne extends SessionCounter {
  constructor(options: CounterOptions) {
    super({ ...options, policy: oneMore(options.policy) })
  }

  override get limit(): number {
    return super.limit - 1
  }

  override setPolicy(policy: SessionPolicy): void {
    super.setPolicy(oneMore(policy))
  }

  override acquire(client: Client, application: Application, key: string, now: number): AcquireDecision {
    return { ...super.acquire(client, application, key, now), limit: this.limit }
  }
}

function oneMore(policy: SessionPolicy): SessionPolicy {
  return { ...policy, limit: policy.limit + 1 }
}

class SmallerLimitDropsCalls extends SessionCounter {
  readonly #tokens = new Set<string>()

  override acquire(client: Client, application: Application, key: string, now: number): AcquireDecision {
    const decision = super.acquire(client, application, key, now)
    if (decision.granted) this.#tokens.add(decision.token)
    return decision
  }

  override setPolicy(policy: SessionPolicy): void {
    super.setPolicy(policy)
    for (const token of this.#tokens) if (this.inUse > policy.limit) this.release(token, 'operator')
  }
}

class KeysOfAllClientsAreOne extends SessionCounter {
  readonly #tokens = new Map<string, string>()

  override acquire(client: Client, application: Application, key: string, now: number): AcquireDecision {
    const known = this.#tokens.get(key)
    if (known !== undefined && super.resume(client, [known], now).resumed === 1) {
      const { inUse, limit } = this
      return { granted: true, repeated: true, slot: 0, token: known, inUse, limit }
    }
    const decision = super.acquire(client, application, key, now)
    if (decision.granted) this.#tokens.set(key, decision.token)
    return decision
  }
}

class ResumeAllTakesEverybodys extends SessionCounter {
  readonly #tokens = new Set<string>()

  override acquire(client: Client, application: Application, key: string, now: number): AcquireDecision {
    const decision = super.acquire(client, application, key, now)
    if (decision.granted) this.#tokens.add(decision.token)
    return decision
  }

  override resumeAll(client: Client): ResumeDecision {
    return { ...super.resume(client, [...this.#tokens], Number.MAX_SAFE_INTEGER), unknown: [] }
  }
}

class SlotAloneProvesTheSession extends SessionCounter {
  readonly #tokens = new Map<string, string>()

  override acquire(client: Client, application: Application, key: string, now: number): AcquireDecision {
    const decision = super.acquire(client, application, key, now)
    if (decision.granted) this.#tokens.set(decision.slot.toString(36), decision.token)
    return decision
  }

  override release(token: string, cause?: ReleaseCause): boolean {
    return super.release(this.#tokens.get(token.split('.')[0]!) ?? token, cause)
  }
}

class AdoptsHoweverLate extends SessionCounter {
  override resume(client: Client, tokens: readonly string[]): ResumeDecision {
    return super.resume(client, tokens, 0)
  }
}

class RestartForgetsTheProcess extends SessionCounter {
  override restore(clients: Iterable<ClientRecord>, sessions: EarlierSessions, now: number): void {
    super.restore(
      [...clients].map(client => ({ ...client, process: null })),
      sessions,
      now,
    )
  }
}

class RestartGivesNoWindow extends SessionCounter {
  override restore(clients: Iterable<ClientRecord>, sessions: EarlierSessions, now: number): void {
    super.restore(clients, sessions, now)
    this.expire(now + 1000)
  }
}

class JournalKeepsWhatWasReleased extends SessionCounter {
  override writeChanges(sink: RecordSink): void {
    super.writeChanges({
      removeClient: index => sink.removeClient(index),
      putClient: client => sink.putClient(client),
      putSession: (...columns) => sink.putSession(...columns),
      removeSession: () => undefined,
    })
  }
}

class RefusesRepeatsAboveTheLimit extends SessionCounter {
  override acquire(client: Client, application: Application, key: string, now: number): AcquireDecision {
    const { inUse, limit } = this
    if (inUse >= limit && !this.draining) return { granted: false, reason: 'limit-reached', inUse, limit }
    return super.acquire(client, application, key, now)
  }
}

/** Every planted bug under a name that says what it does. */
export const PLANTED_BUGS: Record<string, Daemon> = {
  'a release counts twice': { start: options => new ReleaseCountsTwice(options) },
  'orphaned sessions are forgotten': { start: options => new OrphansAreForgotten(options) },
  'orphaned sessions are dropped at once': { start: options => new OrphansAreDroppedAtOnce(options) },
  'the late end of an old connection ends the new one': {
    start: options => new LateDetachEndsNewConnection(options),
  },
  'one session too many is granted': { start: options => new LimitOffByOne(options) },
  'a smaller limit drops calls': { start: options => new SmallerLimitDropsCalls(options) },
  "one client's key gives another client's token": { start: options => new KeysOfAllClientsAreOne(options) },
  "a client resumes everybody's sessions": { start: options => new ResumeAllTakesEverybodys(options) },
  'a token is believed for its slot': { start: options => new SlotAloneProvesTheSession(options) },
  'a lost session is adopted however late': { start: options => new AdoptsHoweverLate(options) },
  'a lost session is adopted though the journal knows better': {
    start: ({ previousSigner, ...options }) =>
      new SessionCounter({ ...options, previousSigner: previousSigner && { ...previousSigner, era: null } }),
  },
  'a restart forgets the process of a client': { start: options => new RestartForgetsTheProcess(options) },
  'a restart leaves no time to resume': { start: options => new RestartGivesNoWindow(options) },
  'the journal keeps what was released': { start: options => new JournalKeepsWhatWasReleased(options) },
  'a repeated acquire is refused when all is in use': {
    start: options => new RefusesRepeatsAboveTheLimit(options),
  },
  'the reply leaves before the commit': {
    start: options => new SessionCounter(options),
    repliesFirst: true,
  },
}
