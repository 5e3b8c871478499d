import type { Reply } from '../../src/daemon/gateway/connection.ts'
import type { Incoming } from '../../src/protocol/messages.ts'
import { acquireAnswer, plain, type ResumeAnswer, resumeAnswer, tokensIn } from './answers.ts'
import type { DaemonRun } from './daemon.ts'
import type { Disk } from './disk.ts'
import { LicenseBook } from './license-book.ts'
import type { Machine } from './machine.ts'
import { BRIEF_MS, EXPIRE_EVERY_MS, IVR_MAX, WINDOW_MS } from './numbers.ts'
import { type Hello, type Owner, Owners } from './owners.ts'
import type { Seen } from './seen.ts'
import { type Changes, type Known, nameOf, SessionBook } from './session-book.ts'
import { LAWS, Violation } from './violation.ts'

/** How much later than its instant a timer of the daemon may act. */
const SLACK_MS = 2 * EXPIRE_EVERY_MS

/**
 * Watches a history: what arrives at the daemon, what leaves it, and what is counted between two steps. It
 * keeps books of its own, and asks the code under test for nothing but the sessions that it holds.
 */
export class Checker {
  readonly licenses: LicenseBook
  readonly book: SessionBook
  grants = 0
  readonly #machine: Machine
  readonly #disk: Disk
  readonly #owners: Owners
  #grantsOfRun = 0
  #era = 0
  #draining = false
  /** What the file says of its writer may be out of date, and nothing it does not know of can be proven. */
  #startedDamaged = false

  constructor(machine: Machine, disk: Disk) {
    this.#machine = machine
    this.#disk = disk
    this.#owners = new Owners(machine)
    this.licenses = new LicenseBook(machine)
    this.book = new SessionBook(machine)
  }

  // ---- the life of the daemon

  started(daemon: DaemonRun, isLicenseJudged: boolean): void {
    this.#grantsOfRun = 0
    this.#draining = false
    this.#era = daemon.journal.era
    this.#startedDamaged = this.#disk.damaged
    this.book.restarted(daemon.counter, this.#disk.damaged)
    // While it cannot be written anew, the next run reads the same file.
    this.#disk.damaged &&= daemon.journal.degraded
    this.licenses.judged(daemon.store, this.#disk.licenseText, !isLicenseJudged)
    this.licenses.looked(daemon.store)
  }

  drained(): void {
    this.#draining = true
  }

  died(daemon: DaemonRun): void {
    this.book.died(this.#owners.allHungUp(), daemon.journal.degraded || this.#disk.damaged)
  }

  licenseJudged(daemon: DaemonRun): void {
    this.licenses.judged(daemon.store, this.#disk.licenseText, false)
  }

  /** The daemon looked after journal and license. */
  looked(daemon: DaemonRun): void {
    this.#nothing(this.book.changes(daemon.counter), 'a look at license and journal')
    this.licenses.looked(daemon.store)
    if (!daemon.journal.degraded) this.book.allWritten()
    if (daemon.journal.era !== this.#era) {
      // All of it was written anew, to a file that is good.
      this.#era = daemon.journal.era
      this.#disk.damaged = false
      this.book.endsWritten()
    }
    this.#counts(daemon)
  }

  // ---- what arrives and what leaves

  carriedOut(daemon: DaemonRun, wire: number, item: Incoming, reply: Reply): void {
    if ('failure' in item) throw new Violation(LAWS.refuse, `a frame was not understood: ${item.failure}`)
    if (item.method === 'hello') this.#hello(wire, item.params)
    const changes = this.book.changes(daemon.counter)
    if (item.method === 'session.acquire') this.#acquired(this.#owners.at(wire), item.params, reply, changes)
    else if (item.method === 'session.release') this.#released(item.params.token, changes)
    else if (item.method === 'session.resume') {
      this.#resumed(this.#owners.at(wire), item.params.tokens ?? [], resumeAnswer(reply), changes)
    } else this.#nothing(changes, item.method)
  }

  replied(text: string): void {
    for (const token of tokensIn(text)) this.book.told(token)
  }

  turnEnded(daemon: DaemonRun): void {
    this.#nothing(this.book.changes(daemon.counter), 'the end of a turn')
    if (!daemon.journal.degraded) this.book.endsWritten()
    this.book.turnEnded()
    this.#counts(daemon)
  }

  hungUp(daemon: DaemonRun, wire: number): void {
    const owner = this.#owners.hungUp(wire)
    if (owner !== null) this.book.orphan(owner)
    this.expired(daemon)
  }

  #hello(wire: number, params: Hello): void {
    const superseded = this.#owners.hello(wire, params)
    if (superseded !== null) this.book.orphan(superseded)
  }

  // ---- requests

  #acquired(
    owner: Owner,
    params: { key: string; application?: string },
    reply: Reply,
    changes: Changes,
  ): void {
    const { key, application = owner.application } = params
    this.#noneEnded(changes, 'an acquire')
    const answer = acquireAnswer(reply)
    const own = [...this.book.held.values()].filter(held => held.owner === owner.name && held.key === key)
    const existing = own.find(held => !held.nameless || held.token === answer.token)
    if (existing !== undefined) {
      this.#noneAdded(changes, `the retry of ${nameOf(existing)}`)
      if (answer.token !== existing.token || answer.repeated !== true) {
        throw new Violation(LAWS.lose, `the retry of ${nameOf(existing)} got ${JSON.stringify(answer)}`)
      }
      this.book.resume(existing, owner)
      return
    }
    const refusal = this.#refusal(application)
    if (!answer.granted) {
      this.#noneAdded(changes, 'a refusal')
      if (refusal === answer.reason) return
      const message = `${key} was refused (${answer.reason}) where ${refusal ?? 'a grant'} was due`
      throw new Violation(LAWS.refuse, message)
    }
    this.#granted(key, refusal, answer.token, changes.added)
    this.book.grant(answer.token!, key, application, owner)
  }

  #granted(
    key: string,
    refusal: string | null,
    told: string | undefined,
    added: ReadonlyMap<string, Seen>,
  ): void {
    if (refusal !== null) {
      const counted = `with ${this.book.held.size} of ${this.licenses.limit} in use`
      throw new Violation(LAWS.admit, `${key} was granted ${counted} where ${refusal} was due`)
    }
    const [token] = added.keys()
    if (added.size !== 1 || token !== told) {
      throw new Violation(LAWS.admit, `the grant of ${key} counts ${added.size} sessions`)
    }
    this.grants++
    this.#grantsOfRun++
  }

  /** Why an acquire has to be refused, as the laws and the world have it. */
  #refusal(application: string): string | null {
    if (this.#draining) return 'draining'
    const { refusal, limit } = this.licenses
    if (refusal !== null) return refusal
    const all = [...this.book.held.values()]
    if (application === 'ivr' && all.filter(held => held.application === 'ivr').length >= IVR_MAX) {
      return 'application-limit-reached'
    }
    return all.length >= limit ? 'limit-reached' : null
  }

  #released(shown: string, changes: Changes): void {
    this.#noneAdded(changes, 'a release')
    const token = plain(shown)
    for (const session of changes.removed) {
      if (session.token !== token)
        throw new Violation(LAWS.keep, `the release of another ended ${nameOf(session)}`)
      this.book.end(session, 'released')
    }
    if (this.book.held.has(token))
      throw new Violation(LAWS.leak, `a release of ${token} did not count it off`)
  }

  #resumed(owner: Owner, shown: readonly string[], answer: ResumeAnswer, { added, removed }: Changes): void {
    for (const session of removed) {
      if (!session.ghost && !session.revived)
        throw new Violation(LAWS.keep, `a resume ended ${nameOf(session)}`)
      this.book.end(session, 'ghost')
    }
    for (const text of shown) {
      const session = this.book.held.get(plain(text))
      if (session === undefined) continue
      if (answer.unknown.has(text)) throw new Violation(LAWS.lose, `${nameOf(session)} was not resumed`)
      this.book.resume(session, owner)
    }
    for (const [token, seen] of added) this.#adopted(owner, token, seen, answer)
    for (const [text, renewed] of answer.replaced) this.#isReplaced(owner, text, renewed)
    const { size } = this.book.held
    // One that takes the place of a session that had ended is not one more.
    const grows = added.size > removed.length
    if (grows && size > this.licenses.limit && this.#grantsOfRun > 0) {
      throw new Violation(LAWS.admit, `adoption leads to ${size} of ${this.licenses.limit}`)
    }
    for (const text of answer.unknown) this.#mustBeUnknown(text)
  }

  /** Only what a crash took and what its holder was told can be counted again, and only in time. */
  #adopted(owner: Owner, token: string, seen: Seen, { replaced }: ResumeAnswer): void {
    const shown = [...replaced].find(([, renewed]) => plain(renewed) === token)?.[0] ?? ''
    const lost = this.book.lostOrForgotten(plain(shown))
    if (!lost?.told || shown === lost.token) {
      throw new Violation(LAWS.admit, `a resume counts ${seen.key}, which nobody can prove`)
    }
    if (this.#isTooLate) throw new Violation(LAWS.admit, `${nameOf(lost)} was adopted too late`)
    this.book.adopt(lost, token, owner)
  }

  /** Also a holder who shows the lost token once more, because the reply was lost, gets the new one. */
  #isReplaced(owner: Owner, shown: string, renewed: string): void {
    const session = this.book.held.get(plain(renewed))
    if (session === undefined || this.book.ended.get(plain(shown))?.cause !== 'adopted') {
      throw new Violation(LAWS.admit, `${shown} was replaced by a token of another session`)
    }
    this.book.resume(session, owner)
  }

  /** What is proven, in time, and has room, must be counted again. */
  #mustBeUnknown(text: string): void {
    const lost = this.book.lost.get(plain(text))
    if (lost === undefined || this.#isTooLate || this.#startedDamaged) return
    const isProven = lost.token !== text && lost.run === this.book.run && !lost.durable && lost.told
    if (isProven && this.book.held.size < this.licenses.limit) {
      throw new Violation(LAWS.lose, `${nameOf(lost)} proved itself and was not adopted`)
    }
  }

  get #isTooLate(): boolean {
    return this.#machine.monotonicNow >= this.book.startedAt + WINDOW_MS
  }

  // ---- time

  /** Sessions may have ended by time or death: each must have had its reason, and none may be overdue. */
  expired(daemon: DaemonRun): void {
    const changes = this.book.changes(daemon.counter)
    this.#noneAdded(changes, 'time')
    for (const session of changes.removed) {
      const cause = this.#causeOf(session)
      if (cause !== null) this.book.end(session, cause)
      else if (this.#isTakenForDead(session)) this.book.lose(session)
      else throw new Violation(LAWS.keep, `${nameOf(session)} was ended before its time`)
    }
    for (const session of this.book.held.values()) this.#mustNotBeOverdue(session)
  }

  #causeOf({ orphanedAt, process, application, grantedAt, ghost }: Known): string | null {
    const now = this.#machine.monotonicNow
    if (ghost) return 'ghost'
    if (application === 'brief' && now >= grantedAt + BRIEF_MS) return 'max-duration'
    if (orphanedAt === null) return null
    if (now >= orphanedAt + WINDOW_MS) return 'orphan-timeout'
    return process !== null && !this.#machine.isAlive(process) ? 'dead-process' : null
  }

  /**
   * The journal does not know that another process of its holder took it over, and nobody showed its token since the
   * restart: the daemon knows but the process before, and that one is dead. So it may be where the daemon died before
   * it answered the one that took over, or where the journal was damaged.
   */
  #isTakenForDead({ orphanedAt, formerly, answered }: Known): boolean {
    if (answered || orphanedAt !== this.book.startedAt) return false
    return formerly.some(process => !this.#machine.isAlive(process))
  }

  #mustNotBeOverdue(session: Known): void {
    const { orphanedAt, process, watched, application, grantedAt, countedAt } = session
    const now = this.#machine.monotonicNow
    const overdue = (since: number, forMs: number) =>
      now > Math.max(since, this.book.startedAt) + forMs + SLACK_MS
    if (application === 'brief' && overdue(Math.max(grantedAt + BRIEF_MS, countedAt), 0)) {
      throw new Violation(
        LAWS.leak,
        `${nameOf(session)} is still counted ${now - grantedAt} ms after its grant`,
      )
    }
    if (orphanedAt === null) return
    if (overdue(orphanedAt, WINDOW_MS)) {
      throw new Violation(
        LAWS.leak,
        `${nameOf(session)} is still counted ${now - orphanedAt} ms after its holder went`,
      )
    }
    const deadSince = watched && process !== null ? this.#machine.seenDeadSince(process) : null
    if (deadSince !== null && overdue(Math.max(deadSince, orphanedAt), 0)) {
      throw new Violation(LAWS.leak, `${nameOf(session)} is still counted though its process is dead`)
    }
  }

  // ---- the parts

  #counts({ counter }: DaemonRun): void {
    const { held, orphaned } = this.book
    if (counter.inUse !== held.size) {
      throw new Violation(LAWS.leak, `${counter.inUse} are counted, ${held.size} are held`)
    }
    if (counter.orphaned !== orphaned) {
      throw new Violation(LAWS.leak, `${counter.orphaned} are said to be orphaned, ${orphaned} are`)
    }
  }

  #nothing(changes: Changes, what: string): void {
    this.#noneAdded(changes, what)
    this.#noneEnded(changes, what)
  }

  #noneEnded({ removed }: Changes, what: string): void {
    for (const session of removed) throw new Violation(LAWS.keep, `${what} ended ${nameOf(session)}`)
  }

  #noneAdded({ added }: Changes, what: string): void {
    for (const { key } of added.values()) throw new Violation(LAWS.admit, `${what} counted a session ${key}`)
  }
}
