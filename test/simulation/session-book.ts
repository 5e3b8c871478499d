import type { ProcessIdentity } from '../../src/session/client-table.ts'
import type { SessionCounter } from '../../src/session/counter.ts'
import { plain } from './answers.ts'
import type { Machine } from './machine.ts'
import type { Owner } from './owners.ts'
import { heldBy, type Seen } from './seen.ts'
import { LAWS, Violation } from './violation.ts'

/** What the checker knows of a session. */
export interface Known {
  readonly token: string
  readonly key: string
  readonly application: string
  readonly grantedAt: number
  /** When this run of the daemon began to count it; what it took over from the journal it counts from its start. */
  readonly countedAt: number
  /** The name of the client that holds it. */
  owner: string
  /** The journal may have lost whose it is: then its token proves it, and its key does not. */
  nameless: boolean
  /** When its connection ended; null while it is held. */
  orphanedAt: number | null
  /** Of the owner when the connection ended. */
  process: ProcessIdentity | null
  /** The daemon can tell when that process is dead. */
  watched: boolean
  /** Those of its holders before. */
  readonly formerly: ProcessIdentity[]
  /** Its holder was answered, so that its process must not be forgotten. */
  answered: boolean
  /** Its grant was told to its holder. */
  told: boolean
  /** The journal must have it: it was told by a plain token, or the journal was written anew since. */
  durable: boolean
  /** It was ended, but the journal could not be told; a restart brought it back for a while. */
  ghost: boolean
  /** A run before did not count it; meanwhile somebody else may have had its slot. */
  revived: boolean
}

/** The end of a session. `durable` where the journal must know it. */
interface Ended {
  readonly session: Known
  readonly cause: string
  /** The run of the daemon that ended it. */
  readonly run: number
  durable: boolean
}

export interface Changes {
  readonly added: ReadonlyMap<string, Seen>
  readonly removed: readonly Known[]
}

/** The sessions of a history: those counted, those that a crash took, and those that ended. */
export class SessionBook {
  readonly held = new Map<string, Known>()
  /** Nobody counts them; some may be adopted. `run`: the run of the daemon after the crash. */
  readonly lost = new Map<string, Known & { readonly run: number }>()
  readonly ended = new Map<string, Ended>()
  run = 0
  startedAt = 0
  /** This run found no journal, or one that anything may be missing from. */
  #isBlind = false
  readonly #machine: Machine
  /** Those that ended since the journal was last known to be up to date. */
  #untold: Ended[] = []
  /** Those that somebody took over in this turn, and whether they were nameless before. */
  readonly #unanswered = new Map<Known, boolean>()

  constructor(machine: Machine) {
    this.#machine = machine
  }

  get orphaned(): number {
    let count = 0
    for (const { orphanedAt } of this.held.values()) if (orphanedAt !== null) count++
    return count
  }

  /** What the counter holds that is not in the book, and the other way round. */
  changes(counter: SessionCounter): Changes {
    const seen = heldBy(counter)
    const added = new Map<string, Seen>()
    for (const [token, session] of seen) if (!this.held.has(token)) added.set(token, session)
    const removed = [...this.held.values()].filter(({ token }) => !seen.has(token))
    return { added, removed }
  }

  grant(token: string, key: string, application: string, owner: Owner): void {
    const held = { orphanedAt: null, process: owner.process, watched: owner.watched }
    const told = {
      told: false,
      durable: false,
      ghost: false,
      formerly: [],
      answered: true,
      nameless: false,
      revived: false,
    }
    const grantedAt = this.#machine.monotonicNow
    this.held.set(token, {
      token,
      key,
      application,
      grantedAt,
      countedAt: grantedAt,
      owner: owner.name,
      ...held,
      ...told,
    })
  }

  /** A lost session is counted again, under a new token. */
  adopt(lost: Known, token: string, owner: Owner): void {
    this.lost.delete(lost.token)
    // The journal may have it under this token still: it was counted off, and proves itself.
    this.#note({ session: lost, cause: 'adopted', run: this.run, durable: false })
    const told = { told: false, durable: false }
    this.held.set(token, { ...lost, token, countedAt: this.#machine.monotonicNow, ...told })
    this.resume(this.held.get(token)!, owner)
  }

  /** What a crash took: a session, or the end of one, which its signed token knows nothing of. */
  lostOrForgotten(token: string): Known | undefined {
    const ended = this.ended.get(token)
    if (ended === undefined || ended.cause === 'adopted') return this.lost.get(token)
    const isForgotten = !ended.durable || (this.#isBlind && ended.run === this.run - 1)
    return this.lost.get(token) ?? (isForgotten ? ended.session : undefined)
  }

  resume(session: Known, owner: Owner): void {
    if (session.process !== null) session.formerly.push(session.process)
    session.answered = false
    if (!this.#unanswered.has(session)) this.#unanswered.set(session, session.nameless)
    session.orphanedAt = null
    session.owner = owner.name
    session.nameless = false
    // Whatever it was, somebody holds it now.
    session.ghost = false
    session.revived = false
    session.process = owner.process
    session.watched = owner.watched
  }

  orphan({ name, process, watched }: Owner): void {
    for (const session of this.held.values()) {
      if (session.owner !== name || session.orphanedAt !== null) continue
      Object.assign(session, { orphanedAt: this.#machine.monotonicNow, process, watched })
    }
  }

  end(session: Known, cause: string): void {
    this.held.delete(session.token)
    this.#note({ session, cause, run: this.run, durable: false })
  }

  #note(ended: Ended): void {
    this.ended.set(ended.session.token, ended)
    this.#untold.push(ended)
  }

  /** It is counted no more, though it did not end: its token proves it. */
  lose(session: Known): void {
    this.held.delete(session.token)
    this.lost.set(session.token, { ...session, run: this.run })
  }

  /** The token left the daemon. A plain one says that the journal has its session. */
  told(text: string): void {
    const session = this.held.get(plain(text))
    if (session === undefined) return
    session.told = true
    if (session.token === text) session.durable = true
  }

  /** The replies of a turn are on their way. */
  turnEnded(): void {
    for (const session of this.#unanswered.keys()) session.answered = true
    this.#unanswered.clear()
  }

  /** The journal has been told of every end. */
  endsWritten(): void {
    for (const ended of this.#untold) ended.durable = true
    this.#untold = []
  }

  /** The journal has all that is held, and nothing else. */
  allWritten(): void {
    for (const session of this.held.values()) if (session.told) session.durable = true
  }

  /** The daemon died: whatever its last turn did may be in the journal or not. */
  died(connected: readonly Owner[], isJournalStale: boolean): void {
    this.#untold = []
    // The journal may know an older connection of its client, and knows but the newest process.
    for (const session of this.held.values()) if (session.orphanedAt !== null) session.watched = false
    for (const owner of connected) this.orphan(owner)
    for (const session of this.held.values()) {
      if (isJournalStale) session.watched = false
      session.orphanedAt = this.#machine.monotonicNow
    }
    // Who took one over in that turn may not be in it, nor anybody where the journal was damaged or behind before.
    for (const [session, nameless] of this.#unanswered) Object.assign(session, { watched: false, nameless })
    this.#unanswered.clear()
  }

  /** A new run took over what the journal has. `damaged`: anything may be missing from it, or be out of date. */
  restarted(counter: SessionCounter, damaged: boolean): void {
    this.run++
    this.#isBlind = damaged
    this.startedAt = this.#machine.monotonicNow
    const seen = heldBy(counter)
    for (const session of [...this.held.values()]) {
      if (seen.has(session.token)) continue
      if (session.durable && !session.ghost && !damaged) {
        throw new Violation(LAWS.lose, `the restart does not know ${nameOf(session)}`)
      }
      if (session.ghost) this.held.delete(session.token)
      else this.lose(session)
    }
    for (const [token, session] of seen) this.#restored(token, session, damaged)
  }

  #restored(token: string, seen: Seen, damaged: boolean): void {
    const known = this.held.get(token)
    if (known === undefined) {
      this.#broughtBack(token, seen, damaged)
      return
    }
    if (known.key !== seen.key || known.application !== seen.application) {
      throw new Violation(LAWS.lose, `${nameOf(known)} came back as ${seen.key} of ${seen.application}`)
    }
    known.orphanedAt = this.startedAt
    if (!damaged) return
    known.durable = false
    known.watched = false
    known.answered = false
    known.nameless = true
  }

  /** The book knows it as lost or ended, or not at all. */
  #broughtBack(token: string, { key, application }: Seen, damaged: boolean): void {
    const lost = this.lost.get(token)
    const ended = this.ended.get(token)
    const was = lost ?? ended?.session
    if (!damaged) {
      if (was === undefined)
        throw new Violation(LAWS.leak, `the restart counts ${key}, which was never granted`)
      if (ended?.durable) {
        const message = `the restart counts ${nameOf(was)} again, whose end (${ended.cause}) the journal was told`
        throw new Violation(LAWS.leak, message)
      }
    }
    this.lost.delete(token)
    const {
      owner = `nobody ${token}`,
      process = null,
      grantedAt = this.startedAt,
      nameless = false,
    } = was ?? {}
    const more = {
      orphanedAt: this.startedAt,
      watched: false,
      told: false,
      durable: false,
      formerly: [],
      answered: false,
      nameless: damaged || nameless,
    }
    const ghost = lost === undefined
    const revived = !ghost
    this.held.set(token, {
      token,
      key,
      application,
      grantedAt,
      countedAt: this.startedAt,
      owner,
      process,
      ...more,
      ghost,
      revived,
    })
  }
}

export function nameOf({ key, owner, token }: Known): string {
  return `${key} of ${owner.split(' ')[0]} (slot ${token.split('.')[0]})`
}
