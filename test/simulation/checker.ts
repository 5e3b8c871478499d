import type { Reply } from '../../src/daemon/gateway/connection.ts'
import type { Incoming } from '../../src/protocol/messages.ts'
import type { ProcessIdentity } from '../../src/session/client-table.ts'
import type { DaemonRun } from './daemon.ts'
import type { Disk } from './disk.ts'
import { LicenseBook } from './license-book.ts'
import type { Machine } from './machine.ts'
import { EXPIRE_EVERY_MS, IVR_MAX, WINDOW_MS } from './numbers.ts'
import { heldBy, type Seen } from './seen.ts'
import { Violation } from './violation.ts'

/** What the checker knows of a session. */
export interface Known {
  readonly token: string
  readonly key: string
  readonly application: string
  owner: string
  /** When its connection ended; null while it is held. */
  orphanedAt: number | null
  /** Of the owner when the connection ended. */
  process: ProcessIdentity | null
  /** Its grant was told to its holder. */
  told: boolean
  /** The journal must have it: it was told by a plain token, or the journal was healed since. */
  durable: boolean
  /** It was released, but the journal could not be told; a restart brought it back for a while. */
  readonly ghost: boolean
}

interface Speaker {
  owner: string
  process: ProcessIdentity | null
  application: string
}

/** How much later than its instant a timer of the daemon may act. */
const SLACK_MS = 2 * EXPIRE_EVERY_MS
const LAWS = {
  admit: 'Law 1, never over-admit',
  keep: 'Law 2, never drop a live call',
  lose: 'Law 3, never lose a grant',
  leak: 'Law 4, never leak',
  refuse: 'Law 5, refusal is an answer',
} as const

/**
 * Watches a history: what arrives at the daemon, what leaves it, and what is counted between two steps. It
 * keeps books of its own, and asks the code under test for nothing but the list of sessions that it holds.
 */
export class Checker {
  readonly licenses: LicenseBook
  /** Sessions counted now. */
  readonly sessions = new Map<string, Known>()
  /** Those that a crash took, granted or not: nobody counts them, and some may be adopted. */
  readonly lost = new Map<string, Known & { readonly run: number }>()
  /** Why each session ended that was known. `durable` where the journal must know it. */
  readonly ended = new Map<string, { readonly session: Known; readonly cause: string; durable: boolean }>()
  grants = 0
  readonly #machine: Machine
  readonly #disk: Disk
  readonly #speakers = new Map<number, Speaker>()
  /** The wire that speaks for an owner now. */
  readonly #attached = new Map<string, number>()
  #pendingEnds: string[] = []
  #run = 0
  #startedAt = 0
  #grantsOfRun = 0
  #draining = false

  constructor(machine: Machine, disk: Disk) {
    this.#machine = machine
    this.#disk = disk
    this.licenses = new LicenseBook(machine)
  }

  get run(): number {
    return this.#run
  }

  // ---- the life of the daemon

  started(daemon: DaemonRun, licenseIsJudged: boolean): void {
    const now = this.#machine.monotonicNow
    this.#run++
    this.#startedAt = now
    this.#grantsOfRun = 0
    this.#draining = false
    const held = heldBy(daemon.counter)
    for (const session of this.sessions.values()) {
      if (held.has(session.token)) continue
      if (session.durable && !session.ghost && !this.#disk.damaged) {
        throw new Violation(LAWS.lose, `the restart does not know ${nameOf(session)}`)
      }
      this.sessions.delete(session.token)
      if (!session.ghost) this.lost.set(session.token, { ...session, run: this.#run })
    }
    for (const [token, seen] of held) this.#restored(token, seen, now)
    this.#disk.damaged = false
    this.licenses.judged(daemon.store, this.#disk.licenseText, !licenseIsJudged)
    this.licenses.looked(daemon.store)
  }

  #restored(token: string, seen: Seen, now: number): void {
    const known = this.sessions.get(token)
    if (known !== undefined) {
      if (known.key !== seen.key || known.application !== seen.application) {
        throw new Violation(LAWS.lose, `${nameOf(known)} came back as ${seen.key} of ${seen.application}`)
      }
      if (known.orphanedAt === null || !known.ghost) known.orphanedAt = now
      return
    }
    const lost = this.lost.get(token)
    const before = this.ended.get(token)
    if (before === undefined && lost === undefined && !this.#disk.damaged) {
      throw new Violation(LAWS.leak, `the restart counts ${seen.key}, which was never granted`)
    }
    if (before?.durable === true && !this.#disk.damaged) {
      throw new Violation(LAWS.leak, `the restart counts ${seen.key} again, whose end (${before.cause}) was told`)
    }
    this.lost.delete(token)
    const { key, application } = seen
    const was = lost ?? before?.session
    const owner = was?.owner ?? `nobody ${token}`
    const more = { owner, orphanedAt: now, process: was?.process ?? null, told: false, durable: false }
    this.sessions.set(token, { token, key, application, ...more, ghost: lost === undefined })
  }

  drained(): void {
    this.#draining = true
  }

  died(daemon: DaemonRun): void {
    const now = this.#machine.monotonicNow
    void daemon
    this.#speakers.clear()
    this.#attached.clear()
    for (const session of this.sessions.values()) {
      if (session.orphanedAt === null) session.process = this.#processes.get(session.owner) ?? null
      session.orphanedAt = now
    }
    this.#pendingEnds = []
  }

  readonly #processes = new Map<string, ProcessIdentity | null>()

  // ---- what a frame does

  carriedOut(daemon: DaemonRun, wire: number, item: Incoming, reply: Reply): void {
    if ('failure' in item) throw new Violation(LAWS.refuse, `a frame was not understood: ${item.failure}`)
    const before = this.sessions.size
    if (item.method === 'hello') this.#hello(wire, item.params)
    const changes = this.#changes(daemon)
    if (item.method === 'session.acquire') this.#acquired(daemon, wire, item.params, reply, before, changes)
    else if (item.method === 'session.release') this.#released(item.params.token, changes)
    else if (item.method === 'session.resume') this.#resumed(wire, item.params.tokens ?? [], reply, changes)
    else this.#nothing(changes, item.method)
  }

  #hello(wire: number, params: { clientId?: string; clientSecret?: string; application?: string; process?: ProcessIdentity }): void {
    const owner = params.clientSecret === undefined ? `wire ${wire}` : `${params.clientId} ${params.clientSecret}`
    const process = params.process ?? null
    this.#speakers.set(wire, { owner, process, application: params.application ?? 'default' })
    if (this.#attached.has(owner)) this.#orphan(owner)
    this.#attached.set(owner, wire)
    this.#processes.set(owner, process)
  }

  #speaker(wire: number): Speaker {
    const speaker = this.#speakers.get(wire)
    if (speaker === undefined) throw new Error(`Wire ${wire} speaks without hello.`)
    return speaker
  }

  #acquired(
    daemon: DaemonRun,
    wire: number,
    params: { key: string; application?: string },
    reply: Reply,
    before: number,
    { added, removed }: Changes,
  ): void {
    this.#none(removed, 'an acquire')
    const { owner, application: own } = this.#speaker(wire)
    const application = params.application ?? own
    const existing = [...this.sessions.values()].find(s => s.owner === owner && s.key === params.key)
    const answer = answerOf(reply)
    if (existing !== undefined) {
      this.#noneAdded(added, `the retry of ${nameOf(existing)}`)
      if (answer.token !== existing.token || answer.repeated !== true) {
        throw new Violation(LAWS.lose, `the retry of ${nameOf(existing)} got ${JSON.stringify(answer)}`)
      }
      existing.orphanedAt = null
      return
    }
    const expected = this.#refusal(application, before)
    if (!answer.granted) {
      this.#noneAdded(added, 'a refusal')
      if (expected !== answer.reason) {
        const message = `${params.key} was refused (${answer.reason}) where ${expected ?? 'a grant'} was due`
        throw new Violation(LAWS.refuse, message)
      }
      return
    }
    if (expected !== null) {
      throw new Violation(LAWS.admit, `${params.key} was granted with ${before} of ${this.licenses.limit}: ${expected}`)
    }
    const [token] = added.keys()
    if (added.size !== 1 || token !== answer.token) {
      throw new Violation(LAWS.admit, `the grant of ${params.key} counts ${added.size} sessions`)
    }
    this.grants++
    this.#grantsOfRun++
    const more = { orphanedAt: null, process: null, told: false, durable: false, ghost: false }
    this.sessions.set(token, { token, key: params.key, application, owner, ...more })
    if (daemon.counter.inUse !== before + 1) throw new Violation(LAWS.leak, 'the count is not that of the sessions')
  }

  /** Why an acquire has to be refused, as the laws and the world have it. */
  #refusal(application: string, inUse: number): string | null {
    if (this.#draining) return 'draining'
    const { refusal, limit } = this.licenses
    if (refusal !== null) return refusal
    const inApplication = [...this.sessions.values()].filter(s => s.application === application).length
    if (application === 'ivr' && inApplication >= IVR_MAX) return 'application-limit-reached'
    return inUse >= limit ? 'limit-reached' : null
  }

  #released(shown: string, { added, removed }: Changes): void {
    this.#noneAdded(added, 'a release')
    const token = plain(shown)
    for (const session of removed) {
      if (session.token !== token) throw new Violation(LAWS.keep, `the release of another ended ${nameOf(session)}`)
      this.#end(session, 'released')
    }
    if (this.sessions.has(token)) throw new Violation(LAWS.leak, `the release of ${token} did not count it off`)
  }

  #resumed(wire: number, shown: readonly string[], reply: Reply, { added, removed }: Changes): void {
    const { owner } = this.#speaker(wire)
    const answer = resumeOf(reply)
    for (const session of removed) {
      if (!session.ghost) throw new Violation(LAWS.keep, `a resume ended ${nameOf(session)}`)
      this.#end(session, 'ghost')
    }
    for (const text of shown) {
      const session = this.sessions.get(plain(text))
      if (session === undefined) continue
      if (answer.unknown.has(text)) throw new Violation(LAWS.lose, `${nameOf(session)} was not resumed`)
      session.orphanedAt = null
      session.owner = owner
    }
    for (const [token, seen] of added) {
      const was = [...answer.replaced].find(([, renewed]) => plain(renewed) === token)?.[0]
      const lost = was === undefined ? undefined : this.lost.get(plain(was))
      if (was === undefined || lost === undefined || !was.startsWith(`${lost.token}.`) || !lost.told) {
        throw new Violation(LAWS.admit, `a resume counts ${seen.key}, which nobody can prove`)
      }
      if (this.#machine.monotonicNow >= this.#startedAt + WINDOW_MS) {
        throw new Violation(LAWS.admit, `${nameOf(lost)} was adopted too late`)
      }
      this.lost.delete(lost.token)
      this.ended.set(lost.token, { session: lost, cause: 'adopted', durable: true })
      this.sessions.set(token, { ...lost, token, owner, orphanedAt: null, told: false, durable: false })
    }
    if (added.size > 0 && this.sessions.size > this.licenses.limit && this.#grantsOfRun > 0) {
      throw new Violation(LAWS.admit, `adoption leads to ${this.sessions.size} of ${this.licenses.limit}`)
    }
    this.#mustAdopt(answer.unknown)
  }

  /** What is proven, in time, and has room, is counted again. */
  #mustAdopt(unknown: ReadonlySet<string>): void {
    if (this.#machine.monotonicNow >= this.#startedAt + WINDOW_MS) return
    for (const text of unknown) {
      const lost = this.lost.get(plain(text))
      const isProven = lost?.token !== text && lost?.run === this.#run && !lost.durable && lost.told
      if (isProven && this.sessions.size < this.licenses.limit) {
        throw new Violation(LAWS.lose, `${nameOf(lost)} proved itself and was not adopted`)
      }
    }
  }

  #nothing({ added, removed }: Changes, what: string): void {
    this.#noneAdded(added, what)
    this.#none(removed, what)
  }

  // ---- what leaves

  replied(daemon: DaemonRun, wire: number, text: string): void {
    void wire
    for (const { result } of [JSON.parse(text)].flat() as { result?: { token?: unknown; replaced?: object } }[]) {
      const tokens = [result?.token, ...Object.values(result?.replaced ?? {})]
      for (const token of tokens) if (typeof token === 'string') this.#told(token)
    }
    void daemon
  }

  #told(text: string): void {
    const session = this.sessions.get(plain(text))
    if (session === undefined) return
    session.told = true
    if (session.token === text) session.durable = true
  }

  turnEnded(daemon: DaemonRun): void {
    this.#nothing(this.#changes(daemon), 'the end of a turn')
    if (!daemon.journal.degraded) {
      for (const token of this.#pendingEnds) {
        const end = this.ended.get(token)
        if (end !== undefined) end.durable = true
      }
      this.#pendingEnds = []
    }
    this.#counts(daemon)
  }

  // ---- what time and the loss of connections do

  hungUp(daemon: DaemonRun, wire: number): void {
    const speaker = this.#speakers.get(wire)
    this.#speakers.delete(wire)
    if (speaker !== undefined && this.#attached.get(speaker.owner) === wire) {
      this.#attached.delete(speaker.owner)
      this.#orphan(speaker.owner)
    }
    this.expired(daemon)
  }

  /** Sessions may have ended by time or death: each must have had its reason, and none may be overdue. */
  expired(daemon: DaemonRun): void {
    const { added, removed } = this.#changes(daemon)
    this.#noneAdded(added, 'time')
    const now = this.#machine.monotonicNow
    for (const session of removed) {
      const { orphanedAt, process } = session
      const isOver = orphanedAt !== null && now >= Math.max(orphanedAt, session.orphanedAt ?? 0) + WINDOW_MS
      const isDead = orphanedAt !== null && this.#diedOf(session)
      if (!session.ghost && !isOver && !isDead) throw new Violation(LAWS.keep, `${nameOf(session)} was ended before its time`)
      void process
      this.#end(session, isOver ? 'orphan-timeout' : 'dead-process')
    }
    for (const session of this.sessions.values()) this.#mustGo(session, now)
  }

  #diedOf({ process }: Known): boolean {
    return process !== null && !this.#machine.isAlive(process)
  }

  #mustGo(session: Known, now: number): void {
    const since = session.orphanedAt
    if (since === null) return
    const from = Math.max(since, this.#startedAt)
    if (now > from + WINDOW_MS + SLACK_MS) {
      throw new Violation(LAWS.leak, `${nameOf(session)} is still counted ${now - from} ms after its holder went`)
    }
  }

  looked(daemon: DaemonRun): void {
    this.#nothing(this.#changes(daemon), 'a look at license and journal')
    this.licenses.looked(daemon.store)
    if (!daemon.journal.degraded) {
      for (const session of this.sessions.values()) if (session.told) session.durable = true
      if (daemon.journal.era !== this.#era(daemon)) this.#healed(daemon)
    }
    this.#counts(daemon)
  }

  readonly #eras = new WeakMap<DaemonRun, number>()

  #era(daemon: DaemonRun): number {
    return this.#eras.get(daemon) ?? 0
  }

  /** All of the journal was written anew. */
  #healed(daemon: DaemonRun): void {
    this.#eras.set(daemon, daemon.journal.era)
    this.#disk.damaged = false
    for (const end of this.ended.values()) end.durable = true
    this.#pendingEnds = []
  }

  licenseJudged(daemon: DaemonRun): void {
    this.licenses.judged(daemon.store, this.#disk.licenseText, false)
  }

  #counts(daemon: DaemonRun): void {
    const { counter } = daemon
    const orphaned = [...this.sessions.values()].filter(({ orphanedAt }) => orphanedAt !== null).length
    if (counter.inUse !== this.sessions.size) {
      throw new Violation(LAWS.leak, `${counter.inUse} are counted, ${this.sessions.size} are held`)
    }
    if (counter.orphaned !== orphaned) {
      throw new Violation(LAWS.leak, `${counter.orphaned} are said to be orphaned, ${orphaned} are`)
    }
  }

  // ---- the parts

  #orphan(owner: string): void {
    for (const session of this.sessions.values()) {
      if (session.owner !== owner || session.orphanedAt !== null) continue
      session.orphanedAt = this.#machine.monotonicNow
      session.process = this.#processes.get(owner) ?? null
    }
  }

  #changes(daemon: DaemonRun): Changes {
    const held = heldBy(daemon.counter)
    const added = new Map<string, Seen>()
    for (const [token, seen] of held) if (!this.sessions.has(token)) added.set(token, seen)
    const removed = [...this.sessions.values()].filter(({ token }) => !held.has(token))
    return { added, removed }
  }

  #end(session: Known, cause: string): void {
    this.sessions.delete(session.token)
    this.ended.set(session.token, { session, cause, durable: false })
    this.#pendingEnds.push(session.token)
  }

  #none(removed: readonly Known[], what: string): void {
    for (const session of removed) throw new Violation(LAWS.keep, `${what} ended ${nameOf(session)}`)
  }

  #noneAdded(added: ReadonlyMap<string, Seen>, what: string): void {
    for (const { key } of added.values()) throw new Violation(LAWS.admit, `${what} counted a session ${key}`)
  }
}

interface Changes {
  readonly added: ReadonlyMap<string, Seen>
  readonly removed: readonly Known[]
}

function nameOf({ key, owner, token }: Known): string {
  return `${key} of ${owner.split(' ')[0]} (${token.split('.')[0]})`
}

/** The token without what proves it to a daemon that lost it. */
export function plain(token: string): string {
  return token.split('.', 2).join('.')
}

function answerOf(reply: Reply): { granted: boolean; token?: string; repeated?: boolean; reason?: string } {
  if (reply === null) throw new Violation(LAWS.refuse, 'an acquire was not answered')
  if (typeof reply === 'object') {
    if (!('token' in reply)) throw new Violation(LAWS.refuse, 'an acquire was answered as a resume')
    return { granted: true, token: reply.token, repeated: reply.repeated }
  }
  const { result } = JSON.parse(reply)
  if (result === undefined) throw new Violation(LAWS.refuse, `an acquire was answered by the error ${reply}`)
  return result
}

function resumeOf(reply: Reply): { unknown: Set<string>; replaced: Map<string, string> } {
  if (reply !== null && typeof reply === 'object' && 'adopted' in reply) {
    const replaced = reply.adopted.map(([shown, { token }]) => [shown, token] as const)
    return { unknown: new Set(reply.unknown), replaced: new Map(replaced) }
  }
  throw new Violation(LAWS.refuse, `a resume was answered by ${JSON.stringify(reply)}`)
}
