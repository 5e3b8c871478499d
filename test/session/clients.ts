import assert from 'node:assert/strict'
import type { Client, ProcessIdentity } from '../../src/session/client-table.ts'
import type { Step } from './history.ts'
import type { ModelClient, ModelSession } from './model.ts'
import type { World } from './world.ts'

/** A connection, as the counter and as the model know it. It may have ended or been superseded. */
interface Connection {
  readonly number: number
  readonly client: Client
  readonly attachment: number
  readonly model: ModelClient
}

/** The call processes of a machine: whatever they ask, the answer must be the model's. */
export class Clients {
  readonly #world: World
  readonly #connections: Connection[] = []
  #count = 0

  constructor(world: World) {
    this.#world = world
  }

  /** The daemon died, and every connection with it. */
  disconnected(): void {
    this.#connections.length = 0
  }

  /** One of the tokens that were given, the newest first. */
  #token(at: number): string {
    const { given } = this.#world.promises
    return [...given].at(-1 - (at % Math.max(given.size, 1))) ?? '0.AAAAAAAAAAAAAAAA'
  }

  #live(at: number): Connection | null {
    const connection = this.#connections[at % this.#connections.length]
    return connection?.model.connection === connection?.number ? (connection ?? null) : null
  }

  attach(identity: string | null, process: ProcessIdentity | null): void {
    const { counter, model, now } = this.#world
    const number = ++this.#count
    const record = { identity, label: `connection ${number}`, process }
    const same = [...model.attached].some(client => identity !== null && client.identity === identity)
    const { client, superseded } = counter.attach(record, now)
    assert.equal(superseded, same)
    const attachment = client.attachment!
    this.#connections.push({ number, client, attachment, model: model.attach(record, number, now) })
  }

  /** Also one that was superseded ends, once or twice: that must harm nobody. */
  detach(at: number): void {
    const connection = this.#connections[at % this.#connections.length]
    if (connection === undefined) return
    const { counter, model, now } = this.#world
    counter.detach(connection.client, connection.attachment, now)
    model.detach(connection.model, connection.number, now)
  }

  acquire(at: number, name: string, key: string): void {
    const connection = this.#live(at)
    if (connection === null) return
    const { counter, model, now, promises } = this.#world
    const application = counter.applications.named(name)
    assert.equal(application !== null, model.knows(name))
    if (application === null) return
    const same = model.withKey(connection.model, key)
    const before = model.sessions.size
    const refusal = model.refusal(connection.model, name)
    const decision = counter.acquire(connection.client, application, key, now)
    assert.equal(decision.limit, model.policy.limit)
    if (decision.granted && decision.repeated) {
      const session = same.find(({ token }) => token === decision.token)
      assert.ok(session, 'a repeated acquire gives the session of this client and this key, no other')
      model.resume(connection.model, session)
      promises.decide(session)
    } else {
      assert.ok(same.length === 0 || connection.model.twins.has(key), 'a held key is the same session')
      assert.equal(decision.granted ? null : decision.reason, refusal)
      if (decision.granted) {
        assert.ok(before < model.policy.limit, 'Law 1: never over-admit')
        model.granted++
        this.#hold(connection, { token: decision.token, key, application: name, grantedAt: now })
      } else model.denied.set(decision.reason, (model.denied.get(decision.reason) ?? 0) + 1)
    }
    assert.equal(decision.inUse, model.sessions.size)
  }

  #hold(connection: Connection, granted: Omit<ModelSession, 'client' | 'orphan'>): void {
    const { model, promises } = this.#world
    for (const token of promises.given) {
      assert.ok(!token.startsWith(granted.token), 'no token is given twice')
    }
    const session = { ...granted, client: connection.model, orphan: null }
    model.hold(session)
    promises.decide(session)
  }

  release(at: number, cause: 'released' | 'operator'): void {
    const { counter, model, promises } = this.#world
    const token = this.#token(at)
    const session = model.named(token)
    assert.equal(counter.release(token, cause), session !== undefined, 'Law 4: a release counts once')
    if (session === undefined) return
    model.end(session, cause)
    promises.forgetEnded(model)
  }

  resume(at: number, picks: readonly number[]): void {
    const connection = this.#live(at)
    if (connection === null) return
    const { counter, model, now } = this.#world
    const tokens = [...new Set(picks.map(pick => this.#token(pick)))]
    const { resumed, unknown, replaced } = counter.resume(connection.client, tokens, now)
    const news = new Map(Object.entries(replaced))
    assert.equal(resumed + unknown.length, tokens.length)
    for (const token of tokens) {
      const session = model.named(token)
      if (session !== undefined) {
        assert.ok(!unknown.includes(token) && !news.has(token), 'a held session is resumed')
        model.resume(connection.model, session)
      } else if (this.#isAdoptable(token)) this.#adopt(connection, token, news.get(token))
      else assert.ok(unknown.includes(token) && !news.has(token), 'what is not held is unknown')
    }
  }

  /** Only what the run just before this one signed in its last era, within the window, and once. */
  #isAdoptable(token: string): boolean {
    const { model, now, promises, run, lastEra } = this.#world
    const sealed = promises.sealed.get(token)
    if (sealed?.run !== run - 1 || sealed.era !== lastEra || now >= model.adoptUntil) return false
    if (model.earlier.has(sealed.session.token)) return false
    const before = model.adopted.get(sealed.session.token)
    if (before !== undefined) return model.sessions.has(before)
    // Law 1 comes before Law 3: the token cannot tell whether its session was released since.
    if (model.sessions.size < model.policy.limit) return true
    const occupant = model.inSlotOf(token)
    return occupant === undefined ? model.granted === 0 : model.restored.has(occupant)
  }

  #adopt(connection: Connection, token: string, replacement: string | undefined): void {
    const { model, promises } = this.#world
    const { session: lost } = promises.sealed.get(token)!
    assert.ok(replacement, 'a session that a crash lost is adopted')
    const before = model.adopted.get(lost.token)
    if (before === undefined) {
      const { key, application, grantedAt } = lost
      const occupant = model.inSlotOf(token)
      if (occupant !== undefined && model.restored.has(occupant)) {
        model.end(occupant, 'released')
        promises.forgetEnded(model)
      }
      if (model.withKey(connection.model, key).length > 0) connection.model.twins.add(key)
      this.#hold(connection, { token: replacement, key, application, grantedAt })
    } else {
      assert.equal(replacement, before, 'asked again, the answer is the same')
      const adopted = model.sessions.get(before)!
      model.resume(connection.model, adopted)
      promises.decide(adopted)
    }
    model.adopted.set(lost.token, replacement)
    promises.replaced(lost.token)
  }

  resumeAll(at: number): void {
    const connection = this.#live(at)
    if (connection === null) return
    const { counter, model } = this.#world
    const orphans = model.of(connection.model).filter(session => session.orphan !== null)
    assert.equal(counter.resumable(connection.client), orphans.length)
    const decision = counter.resumeAll(connection.client)
    assert.deepEqual(decision, { resumed: orphans.length, unknown: [], replaced: {} })
    for (const session of orphans) model.resume(connection.model, session)
  }

  /** Changes one character of a token that was given: it must prove nothing. */
  forge({ connection: at, token: pick, at: position, character }: Step & { do: 'forge' }): void {
    const { counter, model, now } = this.#world
    const token = this.#token(pick)
    const place = position % token.length
    const forged = token.slice(0, place) + character + token.slice(place + 1)
    if (forged === token || model.named(forged) !== undefined) return
    assert.equal(counter.release(forged), false, 'a forged token releases nothing')
    const connection = this.#live(at)
    if (connection === null) return
    const nothing = { resumed: 0, unknown: [forged], replaced: {} }
    assert.deepEqual(counter.resume(connection.client, [forged], now), nothing, 'nor does it resume')
  }
}
