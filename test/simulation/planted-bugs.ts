import { Turn, type TurnOptions } from '../../src/daemon/gateway/turn.ts'
import { Journal } from '../../src/daemon/journal/journal.ts'
import type { Journalled } from '../../src/daemon/journal/journal-file.ts'
import {
  LicenseStore,
  type LicenseStoreOptions,
  type Reload,
} from '../../src/daemon/license/license-store.ts'
import type { Application } from '../../src/session/applications.ts'
import type { Client, ClientRecord } from '../../src/session/client-table.ts'
import { SessionCounter } from '../../src/session/counter.ts'
import type {
  AcquireDecision,
  EndedSession,
  ResumeDecision,
  SessionPolicy,
} from '../../src/session/policy.ts'
import type { EarlierSessions, RecordSink } from '../../src/session/records.ts'
import type { TokenSigner } from '../../src/session/signed-token.ts'
import { formatToken, parseToken } from '../../src/session/token.ts'
import { PLANTED_BUGS as COUNTER_BUGS } from '../session/planted-bugs.ts'
import { earlierOf } from '../support/earlier-sessions.ts'
import { trust } from './licenses.ts'
import { type Parts, realParts } from './parts.ts'

// Daemons that break a law, each in one way that somebody could well write. The checker must find each.

class RepliesBeforeTheCommit extends Turn {
  readonly #commit: () => void

  constructor(options: TurnOptions) {
    super({ ...options, commit: () => undefined })
    this.#commit = options.commit
  }

  override finish(): void {
    super.finish()
    this.#commit()
  }
}

class ForgetsToCommit extends Turn {
  #turns = 0

  constructor(options: TurnOptions) {
    super({ ...options, commit: () => this.#commits(options.commit) })
  }

  /** Every third turn rides on the next. */
  #commits(commit: () => void): void {
    if (++this.#turns % 3 !== 0) commit()
  }
}

class HealsWithoutWriting extends Journal {
  override heal(state: Journalled): void {
    super.heal({
      hasChanges: state.hasChanges,
      writeChanges: sink => state.writeChanges(sink),
      changesWritten: () => state.changesWritten(),
      writeHeld: () => null,
      allWritten: () => state.allWritten(),
    })
  }
}

/** A journal that has grown is made anew without the last of the sessions. */
class CopiesNotAll extends Journal {
  override commit(state: Journalled): void {
    super.commit({
      hasChanges: state.hasChanges,
      writeChanges: sink => state.writeChanges(sink),
      changesWritten: () => state.changesWritten(),
      writeHeld: (sink, place, count) => (place === 0 ? state.writeHeld(sink, place, count) : null),
      allWritten: () => state.allWritten(),
    })
  }
}

class NeverHeals extends Journal {
  override heal(): void {
    // It is left as it is.
  }
}

class TakesAnyLicense extends LicenseStore {
  #forgets = false

  override get license() {
    return this.#forgets ? null : super.license
  }

  override async reload(): Promise<Reload> {
    const reload = await super.reload()
    this.#forgets = reload.outcome === 'rejected'
    return reload
  }
}

class HidesTheRejection extends LicenseStore {
  override get rejection() {
    return null
  }
}

class KeepsTheFirstLimit extends SessionCounter {
  readonly #first = this.limit

  override setPolicy(policy: SessionPolicy): void {
    super.setPolicy({ ...policy, limit: this.#first })
  }
}

class NeverShrinks extends SessionCounter {
  override setPolicy(policy: SessionPolicy): void {
    super.setPolicy({ ...policy, limit: Math.max(this.limit, policy.limit) })
  }
}

class GrantsWhileDraining extends SessionCounter {
  override drain(): void {
    // The flag is forgotten.
  }
}

class GrantsARetryAnew extends SessionCounter {
  override acquire(client: Client, application: Application, key: string, now: number): AcquireDecision {
    client.byKey?.delete(key)
    return super.acquire(client, application, key, now)
  }
}

class WindowNeverEnds extends SessionCounter {
  override expire(): EndedSession[] {
    return super.expire(Number.NEGATIVE_INFINITY)
  }
}

class CountsOrphansAsFree extends SessionCounter {
  #restored = 0

  override get inUse(): number {
    return Math.max(0, super.inUse - Math.min(this.#restored, this.orphaned))
  }

  override restore(clients: Iterable<ClientRecord>, sessions: EarlierSessions, now: number): void {
    super.restore(clients, sessions, now)
    this.#restored = super.inUse
  }
}

class RestartDropsTheSessions extends SessionCounter {
  override restore(clients: Iterable<ClientRecord>, _sessions: EarlierSessions, now: number): void {
    super.restore(clients, earlierOf([]), now)
  }
}

/** As if a signed token needed no signature: whoever shows one has his session counted. */
class AdoptsWithoutTheMac extends SessionCounter {
  override resume(client: Client, tokens: readonly string[], now: number): ResumeDecision {
    const decision = super.resume(client, tokens, now)
    const replaced = { ...decision.replaced }
    const unknown = decision.unknown.filter(token => {
      const isSigned = (parseToken(token)?.signatureAt ?? -1) >= 0
      const application = this.applications.named('default')
      if (!isSigned || application === null) return true
      const adopted = super.acquire(client, application, `adopted ${token}`.slice(0, 40), now)
      if (adopted.granted) replaced[token] = adopted.token
      return !adopted.granted
    })
    return { resumed: decision.resumed + tokens.length - unknown.length, unknown, replaced }
  }
}

/** Whoever names a slot may have the session in it. */
class ResumesWithoutTheClientCheck extends SessionCounter {
  override resume(client: Client, tokens: readonly string[], now: number): ResumeDecision {
    return super.resume(
      client,
      tokens.map(token => tokenInSlot(this, token)),
      now,
    )
  }

  override release(token: string): boolean {
    return super.release(tokenInSlot(this, token))
  }
}

function tokenInSlot(counter: SessionCounter, token: string): string {
  const slot = parseToken(token)?.slot
  let found = token
  const sink: RecordSink = {
    removeClient: () => undefined,
    putClient: () => undefined,
    removeSession: () => undefined,
    putSession: (at, _client, _application, _key, high, low) => {
      if (at === slot) found = formatToken(at, high, low)
    },
  }
  counter.writeHeld(sink, 0, Number.POSITIVE_INFINITY)
  return found
}

class NothingIsTooOld extends SessionCounter {
  override setPolicy(policy: SessionPolicy): void {
    super.setPolicy({ ...policy, applications: new Map() })
  }
}

class AdoptsNothing extends SessionCounter {
  constructor(options: ConstructorParameters<typeof SessionCounter>[0]) {
    super({ ...options, previousSigner: null as TokenSigner | null })
  }
}

class ThinksAnybodyDead extends SessionCounter {
  override detach(client: Client, attachment: number, now: number): void {
    const { process } = client
    super.detach(client, attachment, now)
    if (process !== null) this.releaseDead(process)
  }
}

type CounterOptions = ConstructorParameters<typeof SessionCounter>[0]
type StoreClass = new (options: LicenseStoreOptions, of: typeof trust) => LicenseStore

function counter(Planted: new (options: CounterOptions) => SessionCounter): Parts {
  return { ...realParts, counter: options => new Planted(options) }
}

function store(Planted: StoreClass): Parts {
  return { ...realParts, store: options => new Planted(options, trust) }
}

/** Bugs that the histories of the core know, too. */
function known(name: keyof typeof COUNTER_BUGS): Parts {
  const { start } = COUNTER_BUGS[name]!
  return { ...realParts, counter: options => start(options) }
}

/** Every planted bug under a name that says what it does. */
export const PLANTED_BUGS: Readonly<Record<string, Parts>> = {
  'replies leave before the commit': { ...realParts, turn: options => new RepliesBeforeTheCommit(options) },
  'the commit of a turn is put off': { ...realParts, turn: options => new ForgetsToCommit(options) },
  'healing loses the records': { ...realParts, journal: options => new HealsWithoutWriting(options) },
  'a journal that is made anew lacks sessions': {
    ...realParts,
    journal: options => new CopiesNotAll(options),
  },
  'the journal never heals': { ...realParts, journal: options => new NeverHeals(options) },
  'a bad license replaces the good one': store(TakesAnyLicense),
  'nobody is told of a bad license': store(HidesTheRejection),
  'the limit is that of the start': counter(KeepsTheFirstLimit),
  'a smaller license does not shrink the limit': counter(NeverShrinks),
  'an expired license still grants': {
    ...realParts,
    policyOf: (...given) => ({ ...realParts.policyOf(...given), refusal: null }),
  },
  'draining still grants': counter(GrantsWhileDraining),
  'a retried key is granted anew': counter(GrantsARetryAnew),
  'the resume window never ends': counter(WindowNeverEnds),
  'a restart counts orphaned sessions as free': counter(CountsOrphansAsFree),
  'a restart forgets the sessions': counter(RestartDropsTheSessions),
  'a session is adopted without its MAC': counter(AdoptsWithoutTheMac),
  'a proven session is not adopted': counter(AdoptsNothing),
  "a slot is enough to resume or release another's session": counter(ResumesWithoutTheClientCheck),
  'whoever hangs up is taken for dead': counter(ThinksAnybodyDead),
  'a release counts twice': known('a release counts twice'),
  'orphaned sessions are forgotten': known('orphaned sessions are forgotten'),
  'orphaned sessions are dropped at once': known('orphaned sessions are dropped at once'),
  'the late end of an old connection ends the new one': known(
    'the late end of an old connection ends the new one',
  ),
  'one session too many is granted': known('one session too many is granted'),
  'a smaller limit drops calls': known('a smaller limit drops calls'),
  'the journal keeps what was released': known('the journal keeps what was released'),
  'a restart forgets the process of a client': known('a restart forgets the process of a client'),
  'a journal that was behind is believed in who is dead': {
    ...realParts,
    restore: (journal, counter, notes, now) => {
      const archive = { read: () => null, keep: notes.archive.keep.bind(notes.archive) }
      return realParts.restore(journal, counter, { ...notes, archive }, now)
    },
  },
  'a session that is too old stays': counter(NothingIsTooOld),
}
