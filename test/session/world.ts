import assert from 'node:assert/strict'
import type { Client } from '../../src/session/client-table.ts'
import { type CounterOptions, SessionCounter } from '../../src/session/counter.ts'
import { signToken, type TokenSigner } from '../../src/session/signed-token.ts'
import type { History, Step, TurnEnd } from './history.ts'
import { checkLaws, tokensOf } from './laws.ts'
import { MemoryJournal } from './memory-journal.ts'
import { type Committed, Model, type ModelClient, type ModelSession } from './model.ts'

/** A connection, as the counter and as the model know it. It may have been superseded. */
interface Connection {
  readonly number: number
  readonly client: Client
  readonly attachment: number
  readonly model: ModelClient
}

/** A session whose grant a client was told of and that it has not given back. */
interface Acknowledged {
  /** As it was sent: with a signature where the journal could not be written. */
  readonly token: string
  /** The run of the daemon whose crash lost it; null while it is counted. */
  lostIn: number | null
}

/** What a token proves that was signed while the journal could not be written. */
interface Sealed {
  readonly run: number
  readonly session: ModelSession
}

export interface Shell {
  readonly start: (options: CounterOptions) => SessionCounter
  /** A daemon whose replies leave before the commit: wrong, to see that it is noticed. */
  readonly repliesFirst?: boolean
}

export const SHELL: Shell = { start: options => new SessionCounter(options) }

const KEY = new Uint8Array(32).fill(7)
const OTHER_48_BITS = 0x9e3779b97f4a

/**
 * A machine with one daemon, its journal and its clients, driven step by step beside the model. Every answer
 * is compared with the model's, and after every step the Laws are checked.
 */
export class World {
  counter: SessionCounter
  model: Model
  now = 1_000_000
  readonly journal = new MemoryJournal()
  readonly #shell: Shell
  #run = 1
  #journalWorks = true
  #committed: Committed = []
  #connections: Connection[] = []
  #connectionCount = 0
  #nonceCount = 0
  /** Grants of this turn whose reply has not left. */
  #granted: ModelSession[] = []
  /** Every token that was ever given, as it was sent. */
  readonly #given = new Set<string>()
  readonly #sealed = new Map<string, Sealed>()
  readonly #acknowledged = new Map<string, Acknowledged>()

  constructor(policy: History['policy'], shell: Shell = SHELL) {
    this.#shell = shell
    this.counter = this.#start(policy, null)
    this.model = new Model(policy, [], this.now)
    this.journal.restore(this.counter, this.now)
  }

  // ---- turns

  live({ turns }: History): void {
    for (const { steps, end } of turns) {
      for (const step of steps) {
        this.take(step)
        checkLaws(this.counter, this.model)
      }
      this.endTurn(end)
      checkLaws(this.counter, this.model)
    }
    this.#epilogue()
  }

  endTurn(end: TurnEnd): void {
    if (this.#shell.repliesFirst) this.#reply()
    if (end !== 'crash-before-commit') this.#commit()
    if (end === 'replied') this.#reply()
    else this.#crash()
  }

  #commit(): void {
    if (!this.#journalWorks) return
    this.journal.commit(this.counter)
    this.#journalIsWhole()
  }

  /** After each commit the journal holds just the sessions that are held. */
  #journalIsWhole(): void {
    this.#committed = this.model.commit()
    assert.equal(this.counter.hasChanges, false, 'nothing is left to write')
    const tokens = [...this.model.sessions.keys()].sort()
    assert.deepEqual(tokensOf(this.journal), tokens, 'the journal holds just the sessions that are held')
    for (const { client } of this.journal.sessions.values()) assert.ok(this.journal.clients.has(client))
  }

  /** The replies of the turn leave: from now on the clients rely on what they were told. */
  #reply(): void {
    for (const session of this.#granted) {
      if (this.model.sessions.get(session.token) !== session) continue
      const token = this.#journalWorks ? session.token : this.#seal(session)
      this.#given.add(token)
      this.#acknowledged.set(session.token, { token, lostIn: null })
    }
    this.#granted = []
  }

  #seal(session: ModelSession): string {
    const token = signToken(session.token, session, signerOf(this.#run))
    this.#sealed.set(token, { run: this.#run, session })
    return token
  }

  // ---- crashes

  /** The daemon dies and is started again with what the journal holds. Law 3: no grant is lost. */
  #crash(): void {
    const committed = new Set(this.#committed.map(session => session.token))
    for (const [token, acknowledged] of this.#acknowledged) {
      if (committed.has(token)) acknowledged.lostIn = null
      else if (acknowledged.lostIn === null) {
        assert.equal(this.#sealed.get(acknowledged.token)?.run, this.#run, `Law 3: ${token} is lost`)
        acknowledged.lostIn = this.#run
      } else this.#acknowledged.delete(token) // Its holder did not come back before the next crash.
    }
    this.#granted = []
    this.#connections = []
    const { policy } = this.model
    this.counter = this.#start(policy, signerOf(this.#run++))
    this.journal.restore(this.counter, this.now)
    this.model = new Model(policy, this.#committed, this.now)
    this.#committed = this.model.commit()
    this.#journalWorks = true
  }

  #start(policy: History['policy'], previousSigner: TokenSigner | null): SessionCounter {
    const nonces = () => (this.#nonceCount++ * OTHER_48_BITS) % 2 ** 48
    return this.#shell.start({ policy, nonces, previousSigner })
  }

  /** However it went: a last crash loses nothing, and when the holders are gone the count returns to 0. */
  #epilogue(): void {
    this.endTurn('replied')
    this.endTurn('crash-after-commit')
    const tokens = [...this.#acknowledged.values()]
      .filter(({ lostIn }) => lostIn === null || lostIn === this.#run - 1)
      .map(({ token }) => token)
    const { client } = this.counter.attach({ identity: null, label: null, process: null }, this.now)
    const { resumed, unknown } = this.counter.resume(client, tokens, this.now)
    assert.deepEqual(unknown, [], 'Law 3: every acknowledged, unreleased session can be resumed')
    assert.equal(resumed, tokens.length)
    this.counter.detach(client, client.attachment!, this.now)
    this.now += this.model.policy.resumeWindowMs
    this.counter.expire(this.now)
    this.journal.commit(this.counter)
    assert.equal(this.counter.inUse, 0, 'Law 4: the count returns to 0')
    assert.equal(this.counter.orphaned, 0)
    assert.equal(this.counter.clients, 0)
    assert.deepEqual(
      [...this.counter.applications].filter(({ inUse }) => inUse !== 0),
      [],
    )
    assert.equal(this.journal.sessions.size + this.journal.clients.size, 0, 'nothing stays in the journal')
  }

  // ---- steps

  take(step: Step): void {
    switch (step.do) {
      case 'attach':
        this.#attach(step.identity, step.process)
        return
      case 'detach':
        this.#with(step.connection, connection => {
          this.counter.detach(connection.client, connection.attachment, this.now)
          this.model.detach(connection.model, connection.number, this.now)
        })
        return
      case 'acquire':
        this.#with(step.connection, connection => this.#acquire(connection, step.application, step.key))
        return
      case 'release':
        this.#release(this.#token(step.token), step.cause)
        return
      case 'resume':
        this.#with(step.connection, connection => {
          const tokens = new Set(step.tokens.map(at => this.#token(at)))
          this.#resume(connection, [...tokens])
        })
        return
      case 'resume-all':
        this.#with(step.connection, connection => this.#resumeAll(connection))
        return
      case 'forge':
        this.#with(step.connection, connection => this.#forge(connection, step))
        return
      case 'wait':
        this.now += step.ms
        return
      case 'expire':
        this.#expire()
        return
      case 'process-dies':
        assert.equal(this.counter.releaseDead(step.process), this.model.releaseDead(step.process))
        this.#forgetEnded()
        return
      case 'policy':
        this.counter.setPolicy(step.policy)
        this.model.policy = step.policy
        return
      case 'drain':
        this.counter.drain()
        this.model.draining = true
        return
      case 'journal-breaks':
        this.#journalWorks = false
        return
      case 'journal-heals':
        if (this.#journalWorks) return
        this.#journalWorks = true
        this.journal.rewrite(this.counter)
        this.#journalIsWhole()
    }
  }

  /** Does something with one of the connections, were there any. Superseded ones may only end. */
  #with(at: number, act: (connection: Connection) => void): void {
    const connection = this.#connections[at % this.#connections.length]
    if (connection !== undefined) act(connection)
  }

  #token(at: number): string {
    return [...this.#given].at(-1 - (at % Math.max(this.#given.size, 1))) ?? '0.AAAAAAAAAAAAAAAA'
  }

  #attach(identity: string | null, process: Connection['client']['process']): void {
    const number = ++this.#connectionCount
    const record = { identity, label: `connection ${number}`, process }
    const wasAttached = [...this.model.attached].some(
      client => identity !== null && client.identity === identity,
    )
    const { client, superseded } = this.counter.attach(record, this.now)
    assert.equal(superseded, wasAttached)
    const model = this.model.attach(record, number, this.now)
    this.#connections.push({ number, client, attachment: client.attachment!, model })
  }

  #acquire(connection: Connection, name: string, key: string): void {
    const { counter, model } = this
    if (connection.model.connection !== connection.number) return
    const application = counter.applications.named(name)
    assert.equal(application !== null, model.knows(name))
    if (application === null) return
    const same = model.withKey(connection.model, key)
    const before = model.sessions.size
    const refusal = model.refusal(connection.model, name)
    const decision = counter.acquire(connection.client, application, key, this.now)
    assert.equal(decision.limit, model.policy.limit)
    if (decision.granted && decision.repeated) {
      const session = same.find(({ token }) => token === decision.token)
      assert.ok(session, 'a repeated acquire gives the session of this client and this key, no other')
      model.resume(connection.model, session)
      this.#granted.push(session)
    } else {
      assert.ok(same.length === 0 || connection.model.twins.has(key), 'a held key is the same session')
      assert.equal(decision.granted ? null : decision.reason, refusal)
      if (decision.granted) {
        assert.ok(before < model.policy.limit, 'Law 1: never over-admit')
        this.#hold(connection, { token: decision.token, key, application: name, grantedAt: this.now })
        model.granted++
      } else model.denied.set(decision.reason, (model.denied.get(decision.reason) ?? 0) + 1)
    }
    assert.equal(decision.inUse, model.sessions.size)
  }

  #hold(connection: Connection, granted: Omit<ModelSession, 'client' | 'orphan'>): void {
    for (const token of this.#given) assert.ok(!token.startsWith(granted.token), 'no token is given twice')
    const session = { ...granted, client: connection.model, orphan: null }
    this.model.hold(session)
    this.#granted.push(session)
  }

  /** The held session that a token proves: what follows the nonce matters only for lost ones. */
  #named(token: string): ModelSession | undefined {
    return this.model.sessions.get(token.split('.').slice(0, 2).join('.'))
  }

  #release(token: string, cause: 'released' | 'operator'): void {
    const session = this.#named(token)
    assert.equal(this.counter.release(token, cause), session !== undefined, 'Law 4: a release counts once')
    if (session === undefined) return
    this.model.end(session, cause)
    this.#forgetEnded()
  }

  #resume(connection: Connection, tokens: readonly string[]): void {
    if (connection.model.connection !== connection.number) return
    const { resumed, unknown, replaced } = this.counter.resume(connection.client, tokens, this.now)
    const news = new Map(Object.entries(replaced))
    assert.equal(resumed + unknown.length, tokens.length)
    for (const token of tokens) {
      const session = this.#named(token)
      if (session !== undefined) {
        assert.ok(!unknown.includes(token) && !news.has(token), 'a held session is resumed')
        this.model.resume(connection.model, session)
      } else if (this.#isAdoptable(token)) this.#adopt(connection, token, news.get(token))
      else assert.ok(unknown.includes(token) && !news.has(token), 'what is not held is unknown')
    }
  }

  /** Only what the run just before this one signed, within the window, and once. */
  #isAdoptable(token: string): boolean {
    const sealed = this.#sealed.get(token)
    if (sealed?.run !== this.#run - 1 || this.now >= this.model.adoptUntil) return false
    const before = this.model.adopted.get(sealed.session.token)
    return before === undefined || this.model.sessions.has(before)
  }

  #adopt(connection: Connection, token: string, replacement: string | undefined): void {
    const { model } = this
    const { session: lost } = this.#sealed.get(token)!
    assert.ok(replacement, 'a session that a crash lost is adopted')
    const before = model.adopted.get(lost.token)
    if (before === undefined) {
      const { key, application, grantedAt } = lost
      if (model.withKey(connection.model, key).length > 0) connection.model.twins.add(key)
      this.#hold(connection, { token: replacement, key, application, grantedAt })
    } else {
      assert.equal(replacement, before, 'asked again, the answer is the same')
      const adopted = model.sessions.get(before)!
      model.resume(connection.model, adopted)
      this.#granted.push(adopted)
    }
    model.adopted.set(lost.token, replacement)
    this.#acknowledged.delete(lost.token)
  }

  #resumeAll(connection: Connection): void {
    if (connection.model.connection !== connection.number) return
    const orphans = this.model.of(connection.model).filter(session => session.orphan !== null)
    assert.equal(this.counter.resumable(connection.client), orphans.length)
    const decision = this.counter.resumeAll(connection.client)
    assert.deepEqual(decision, { resumed: orphans.length, unknown: [], replaced: {} })
    for (const session of orphans) this.model.resume(connection.model, session)
  }

  /** Changes one character of a token that was given: it must prove nothing. */
  #forge(connection: Connection, { token: at, at: position, character }: Step & { do: 'forge' }): void {
    const token = this.#token(at)
    const place = position % token.length
    const forged = token.slice(0, place) + character + token.slice(place + 1)
    if (forged === token || this.#named(forged) !== undefined) return
    assert.equal(this.counter.release(forged), false, 'a forged token releases nothing')
    if (connection.model.connection !== connection.number) return
    const decision = this.counter.resume(connection.client, [forged], this.now)
    assert.deepEqual(
      decision,
      { resumed: 0, unknown: [forged], replaced: {} },
      'a forged token resumes nothing',
    )
  }

  #expire(): void {
    const ended = this.counter
      .expire(this.now)
      .map(({ token, key, cause, client }) => ({ token, key, cause, client: client.label }))
    const expected = this.model
      .expire(this.now)
      .map(({ token, key, client }) => ({ token, key, cause: 'max-duration', client: client.label }))
    assert.deepEqual(ended.sort(byToken), expected.sort(byToken))
    this.#forgetEnded()
  }

  /** What has ended rightly need not survive a crash. */
  #forgetEnded(): void {
    for (const [token, { lostIn }] of this.#acknowledged) {
      if (lostIn === null && !this.model.sessions.has(token)) this.#acknowledged.delete(token)
    }
  }
}

function signerOf(run: number): TokenSigner {
  return { key: KEY, instanceId: `run-${run}` }
}

function byToken(a: { token: string }, b: { token: string }): number {
  return a.token < b.token ? -1 : 1
}
