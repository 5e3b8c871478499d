import assert from 'node:assert/strict'
import { openClient } from '../support/daemon.ts'
import type { RawClient } from '../support/raw-client.ts'
import type { Site, TearDown } from '../support/site.ts'

const IN_FLIGHT = 8

/**
 * A client that takes and releases sessions without a pause, and keeps book of what was acknowledged. What is
 * in flight (asked, releasing) when the daemon dies may or may not have been carried out; of all else
 * everything is known.
 */
export class Caller {
  /** Granted and acknowledged: token by key. */
  readonly held = new Map<string, string>()
  /** Tokens whose release was acknowledged. */
  readonly released: string[] = []
  acknowledged = 0
  denied = 0
  readonly #asked = new Set<string>()
  readonly #releasing = new Map<string, string>()
  readonly #name: string
  readonly #hold: number
  readonly #pending = new Map<number, string>()
  #client!: RawClient
  #keys = 0
  #ids = 0

  /** @param hold about as many sessions are held at a time */
  constructor(name: string, hold: number) {
    this.#name = name
    this.#hold = hold
  }

  get inFlight(): number {
    return this.#asked.size + this.#releasing.size
  }

  async connect(t: TearDown, site: Site): Promise<{ resumable: number }> {
    this.#client = await openClient(t, site.socket)
    this.#pending.clear()
    return this.#client.call('hello', { clientId: this.#name, clientSecret: `the-secret-of-${this.#name}` })
  }

  /** Calls until the connection ends; `onAcknowledged` hears of each reply at the moment it was read. */
  async work(onAcknowledged: () => void): Promise<void> {
    for (let index = 0; index < IN_FLIGHT; index++) this.#next()
    for (let frame = await this.#client.nextFrame(); frame !== null; frame = await this.#client.nextFrame()) {
      this.#read(JSON.parse(frame.payload.toString()))
      onAcknowledged()
      this.#next()
    }
  }

  /** After a restart: takes back what is held, and does again what was not answered. Gives what was wrong. */
  async recover(): Promise<{ lost: string[]; revived: string[] }> {
    const { unknown: lost } = await this.#client.call('session.resume', { tokens: [...this.held.values()] })
    const { unknown: gone } = await this.#client.call('session.resume', { tokens: this.released })
    const revived = this.released.filter(token => !gone.includes(token))
    await this.#client.call('session.resume')
    for (const token of this.#releasing.values()) await this.#client.call('session.release', { token })
    this.released.push(...this.#releasing.values())
    this.#releasing.clear()
    for (const key of this.#asked) {
      const result = await this.#client.call('session.acquire', { key })
      if (result.granted) this.held.set(key, result.token)
    }
    this.#asked.clear()
    return { lost, revived }
  }

  /** Three acquires, then two releases, until there is as much as is to be held; then it goes round. */
  #next(): void {
    const id = ++this.#ids
    const full = this.held.size + this.#asked.size >= this.#hold
    const [oldest] = this.held
    if (oldest !== undefined && (full || id % 5 > 2)) {
      const [key, token] = oldest
      this.held.delete(key)
      this.#releasing.set(key, token)
      this.#send(id, key, 'session.release', { token })
      return
    }
    const key = `${this.#name}/${++this.#keys}`
    this.#asked.add(key)
    this.#send(id, key, 'session.acquire', { key })
  }

  #send(id: number, key: string, method: string, params: object): void {
    this.#pending.set(id, key)
    this.#client.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }))
  }

  #read(reply: { id: number; result: { granted?: boolean; released?: boolean; token: string } }): void {
    const key = this.#pending.get(reply.id)
    assert.ok(key !== undefined, 'a reply to a request of this connection')
    this.#pending.delete(reply.id)
    this.acknowledged++
    const { granted, released, token } = reply.result
    if (released !== undefined) {
      assert.equal(released, true, 'what is held is released')
      this.released.push(this.#releasing.get(key)!)
      this.#releasing.delete(key)
      return
    }
    this.#asked.delete(key)
    if (granted) this.held.set(key, token)
    else this.denied++
  }
}
