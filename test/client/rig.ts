import assert from 'node:assert/strict'
import { ClientCore, type CoreOptions, type CorePort } from '../../src/client/core.ts'
import type { ClientEvents } from '../../src/client/events.ts'
import type { Fault } from '../../src/errors.ts'
import { encodeNotification } from '../../src/protocol/messages.ts'
import type { NotificationName, NotificationParams } from '../../src/protocol/schemas.ts'
import { type Peer, SimulatedDaemon, type SimulatedOptions } from './simulated-daemon.ts'

export const CORE_OPTIONS: CoreOptions = {
  address: 'here',
  hello: JSON.stringify({ clientId: 'tester', clientSecret: 'a-secret-of-the-test' }),
  partLength: 32,
  acquireTimeoutMs: 2000,
  closeTimeoutMs: 2000,
  handshakeTimeoutMs: 5000,
  pingIntervalMs: 10_000,
  silenceTimeoutMs: 5000,
  maxPending: 100,
}

/** More turns or ticks than anything reasonable takes. */
const MANY = 10_000

/**
 * A client core at the simulated daemon, with a clock that the test moves. Frames travel when `exchange`
 * lets them. While the daemon is `away` a connection cannot be made.
 */
export class Rig implements CorePort {
  readonly core: ClientCore
  readonly daemon: SimulatedDaemon
  readonly events: { [E in keyof ClientEvents]?: ClientEvents[E][0][] } = {}
  now = 0
  away = false
  /** Connections are accepted and then nothing is heard of them. */
  mute = false
  connects = 0
  pings = 0
  readonly left: (number | undefined)[] = []
  /** Every frame that the client sent. */
  readonly sent: string[] = []
  peer: Peer | undefined
  #toDaemon: string[] = []
  #toClient: string[] = []
  #opening = false
  #flushing = false
  #pinged = false
  #wakeAt = Number.POSITIVE_INFINITY

  constructor(
    daemon: SimulatedOptions | SimulatedDaemon = {},
    options: Partial<CoreOptions> = {},
    random: () => number = () => 0.5,
  ) {
    this.daemon = daemon instanceof SimulatedDaemon ? daemon : new SimulatedDaemon(daemon)
    this.core = new ClientCore({ ...CORE_OPTIONS, ...options }, this, random)
  }

  // ---- what the core asks for

  connect(): void {
    this.connects++
    this.#opening = true
  }

  readonly send = (frame: string): void => {
    this.sent.push(frame)
    this.#toDaemon.push(frame)
  }

  ping(): void {
    this.pings++
    this.#pinged = true
  }

  disconnect(code?: number): void {
    this.left.push(code)
    this.#cut()
  }

  flushSoon(): void {
    this.#flushing = true
  }

  wakeAt(instant: number): void {
    this.#wakeAt = instant
  }

  emit<E extends keyof ClientEvents>(event: E, ...values: ClientEvents[E]): void {
    const list = (this.events[event] ?? []) as unknown[]
    list.push(values[0])
    ;(this.events as Record<string, unknown[]>)[event] = list
  }

  // ---- what the test does

  start(): this {
    this.core.start(this.now)
    this.exchange()
    return this
  }

  /** Lets everything happen that needs no time to pass. Replies reach the client with the promises settled. */
  exchange(): void {
    for (let turns = 0; this.turn(); turns++) assert.ok(turns < MANY, 'it comes to rest')
  }

  /** Lets one thing happen; returns false where nothing was left to happen. */
  turn(): boolean {
    if (this.#opening) {
      this.#opening = false
      if (this.away) this.core.closed(1006, 'connect ECONNREFUSED', this.now)
      else if (!this.mute) this.#open()
      return true
    }
    if (this.#flushing) {
      this.#flushing = false
      this.core.flush(this.now)
      return true
    }
    if (this.mute || this.peer === undefined) return false
    if (this.#pinged) {
      this.#pinged = false
      this.core.heard(this.now)
      return true
    }
    return this.deliverToDaemon() || this.deliverToClient()
  }

  deliverToDaemon(): boolean {
    const frame = this.#toDaemon.shift()
    if (frame === undefined || this.peer === undefined) return false
    const reply = this.peer.receive(frame)
    if (reply !== undefined) this.#toClient.push(reply)
    return true
  }

  deliverToClient(): boolean {
    const frame = this.#toClient.shift()
    if (frame === undefined) return false
    this.core.received(frame, this.now)
    return true
  }

  notify<N extends NotificationName>(method: N, params: NotificationParams<N>): void {
    this.core.received(encodeNotification(method, params), this.now)
  }

  /** Ends the connection with a close code; frames under way are lost. */
  break(code = 1006, reason = ''): void {
    this.#cut()
    this.core.closed(code, reason, this.now)
  }

  reject(fault: Fault, retry: boolean): void {
    this.#opening = false
    this.core.rejected(fault, retry, this.now)
  }

  /** Lets time pass, and everything happen that is due in it. */
  pass(ms: number): void {
    const until = this.now + ms
    this.exchange()
    for (let ticks = 0; this.#wakeAt <= until; ticks++) {
      assert.ok(ticks < MANY, 'it does not ask to be woken again and again')
      this.now = Math.max(this.now, this.#wakeAt)
      this.daemon.expireBy(this.now)
      this.#wakeAt = Number.POSITIVE_INFINITY
      this.core.tick(this.now)
      this.exchange()
    }
    this.now = until
    this.daemon.expireBy(this.now)
  }

  /** Moves the clock to what is due next, and lets nothing travel. */
  tick(): void {
    this.now = Math.max(this.now, this.#wakeAt)
    this.#wakeAt = Number.POSITIVE_INFINITY
    this.core.tick(this.now)
  }

  get wake(): number {
    return this.#wakeAt
  }

  #open(): void {
    this.peer = this.daemon.connect()
    this.core.opened()
  }

  #cut(): void {
    this.#toDaemon = []
    this.#toClient = []
    this.#opening = false
    this.#pinged = false
    this.peer?.leave()
    this.peer = undefined
  }
}
