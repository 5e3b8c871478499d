import assert from 'node:assert/strict'
import { type CounterOptions, SessionCounter } from '../../src/session/counter.ts'
import type { SessionPolicy } from '../../src/session/policy.ts'
import type { TokenSigner } from '../../src/session/signed-token.ts'
import { Clients } from './clients.ts'
import type { History, Step, TurnEnd } from './history.ts'
import { checkLaws, tokensOf } from './laws.ts'
import { MemoryJournal } from './memory-journal.ts'
import { type Committed, Model } from './model.ts'
import { Promises, signerOf } from './promises.ts'

export interface Daemon {
  readonly start: (options: CounterOptions) => SessionCounter
  /** Its replies leave before the commit: wrong, to see that it is noticed. */
  readonly repliesFirst?: boolean
}

const DAEMON: Daemon = { start: options => new SessionCounter(options) }

/** Spreads small numbers over 48 bits, so that every character of a nonce is put to the test. */
const ODD_48_BITS = 0x9e3779b97f4bn

/**
 * A machine with one daemon, its journal and its clients, driven step by step beside the model. Every answer
 * is compared with the model's, and after every step the Laws are checked.
 */
export class World {
  counter: SessionCounter
  model: Model
  now = 1_000_000
  /** How often the daemon was started. */
  run = 1
  /** How often the journal was made whole again in this run; and in the run before, when it crashed. */
  #era = 0
  lastEra = 0
  readonly promises = new Promises()
  readonly #journal = new MemoryJournal()
  readonly #clients = new Clients(this)
  readonly #daemon: Daemon
  #journalWorks = true
  #committed: Committed = []
  #nonce = 0n

  constructor(policy: SessionPolicy, daemon: Daemon = DAEMON) {
    this.#daemon = daemon
    this.counter = this.#start(policy, null)
    this.model = new Model(policy, [], this.now)
  }

  /** Goes through the history; throws at the first thing that is not as it must be. */
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

  // ---- turns

  endTurn(end: TurnEnd): void {
    if (this.#daemon.repliesFirst) this.#reply()
    if (end !== 'crash-before-commit') this.#commit()
    if (end === 'replied') this.#reply()
    else this.#crash()
  }

  #commit(): void {
    if (!this.#journalWorks) return
    this.#journal.commit(this.counter)
    this.#journalIsWhole()
  }

  #journalIsWhole(): void {
    this.#committed = this.model.commit()
    assert.equal(this.counter.hasChanges, false, 'nothing is left to write')
    const tokens = [...this.model.sessions.keys()].sort()
    assert.deepEqual(tokensOf(this.#journal), tokens, 'the journal holds just the sessions that are held')
  }

  #reply(): void {
    this.promises.reply(this.model, this.run, this.#era, this.#journalWorks)
  }

  /** The daemon dies and is started again with what the journal holds. */
  #crash(): void {
    this.promises.crash(this.#committed, this.run)
    this.#clients.disconnected()
    const { policy } = this.model
    this.counter = this.#start(policy, signerOf(this.run++, this.#era))
    this.lastEra = this.#era
    this.#era = 0
    this.model = new Model(policy, this.#committed, this.now)
    this.#committed = this.model.commit()
    this.#journalWorks = true
  }

  #start(policy: SessionPolicy, previousSigner: TokenSigner | null): SessionCounter {
    const nonces = () => Number(BigInt.asUintN(48, this.#nonce++ * ODD_48_BITS))
    const counter = this.#daemon.start({ policy, nonces, previousSigner })
    this.#journal.restore(counter, this.now)
    return counter
  }

  /** However it went: a last crash loses nothing, and when the holders are gone the count returns to 0. */
  #epilogue(): void {
    this.endTurn('replied')
    this.endTurn('crash-after-commit')
    const { counter } = this
    const tokens = this.promises.resumable(this.run - 1)
    const { client } = counter.attach({ identity: null, label: null, process: null }, this.now)
    const { resumed, unknown } = counter.resume(client, tokens, this.now)
    assert.deepEqual(unknown, [], 'Law 3: every acknowledged, unreleased session can be resumed')
    assert.equal(resumed, tokens.length)
    counter.detach(client, client.attachment!, this.now)
    this.now += this.model.policy.resumeWindowMs
    counter.expire(this.now)
    this.#journal.commit(counter)
    assert.equal(counter.inUse, 0, 'Law 4: the count returns to 0')
    assert.equal(counter.orphaned, 0)
    assert.equal(counter.clients, 0)
    for (const { name, inUse } of counter.applications)
      assert.equal(inUse, 0, `Law 4: so does that of ${name}`)
    assert.equal(this.#journal.sessions.size + this.#journal.clients.size, 0, 'nothing stays in the journal')
  }

  // ---- steps

  take(step: Step): void {
    switch (step.do) {
      case 'attach':
        this.#clients.attach(step.identity, step.process)
        return
      case 'detach':
        this.#clients.detach(step.connection)
        return
      case 'acquire':
        this.#clients.acquire(step.connection, step.application, step.key)
        return
      case 'release':
        this.#clients.release(step.token, step.cause)
        return
      case 'resume':
        this.#clients.resume(step.connection, step.tokens)
        return
      case 'resume-all':
        this.#clients.resumeAll(step.connection)
        return
      case 'forge':
        this.#clients.forge(step)
        return
      default:
        this.#happen(step)
    }
  }

  /** What no client asks for. */
  #happen(
    step: Exclude<
      Step,
      { do: 'attach' | 'detach' | 'acquire' | 'release' | 'resume' | 'resume-all' | 'forge' }
    >,
  ): void {
    const { counter, model } = this
    switch (step.do) {
      case 'wait':
        this.now += step.ms
        return
      case 'expire':
        this.#expire()
        return
      case 'process-dies':
        assert.equal(counter.releaseDead(step.process), model.releaseDead(step.process))
        this.promises.forgetEnded(model)
        return
      case 'policy':
        counter.setPolicy(step.policy)
        model.policy = step.policy
        return
      case 'drain':
        counter.drain()
        model.draining = true
        return
      case 'journal-breaks':
        this.#journalWorks = false
        return
      case 'journal-heals':
        if (this.#journalWorks) return
        this.#journal.rewrite(counter)
        this.#journalIsWhole()
        this.#journalWorks = true
        this.#era++
    }
  }

  #expire(): void {
    const ended = this.counter
      .expire(this.now)
      .map(({ token, key, cause, client }) => ({ token, key, cause, client: client.label }))
    const expected = this.model
      .expire(this.now)
      .map(({ token, key, client }) => ({ token, key, cause: 'max-duration', client: client.label }))
    assert.deepEqual(ended.sort(byToken), expected.sort(byToken))
    this.promises.forgetEnded(this.model)
  }
}

function byToken(a: { token: string }, b: { token: string }): number {
  return a.token < b.token ? -1 : 1
}
