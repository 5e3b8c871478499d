import type { Fault } from '../errors.ts'
import { CLOSE, mayComeBack } from '../protocol/codes.ts'
import { Conversation, type ConversationOptions } from './conversation.ts'
import type { AcquireOutcome, Query, Waiter } from './entries.ts'
import type { ClientEvents } from './events.ts'
import {
  closedFault,
  protocolFault,
  supersededFault,
  tooManyPendingFault,
  unauthenticatedFault,
  unreachableFault,
} from './faults.ts'
import { Link, type LinkState, type LinkTimes } from './link.ts'
import type { Session } from './session.ts'

/** What the core asks of the world. */
export interface CorePort {
  /** Opens a connection and tells what becomes of it: `opened`, `received`, `heard`, `closed`, `rejected`. */
  connect(): void
  send(frame: string): void
  ping(): void
  /** Leaves the connection, which tells nothing any more. Without a code it is cut, with one it is closed. */
  disconnect(code?: number): void
  /** Asks for a call of `flush` when the calls of this tick have been made. */
  flushSoon(): void
  /** Asks for a call of `tick` at this instant; it takes the place of what was asked for before. */
  wakeAt(instant: number): void
  emit<E extends keyof ClientEvents>(event: E, ...values: ClientEvents[E]): void
}

export interface CoreOptions extends LinkTimes, ConversationOptions {
  /** How long an acquire or a query waits for its answer. */
  readonly acquireTimeoutMs: number
  /** How long `close` tries to deliver what is left. */
  readonly closeTimeoutMs: number
  /** The most requests that wait. */
  readonly maxPending: number
}

const NEVER = Number.POSITIVE_INFINITY

/** The codes under which the core itself gives a connection up. */
const DONE = 1000
const VIOLATED = 1002
const BROKEN = 1006

/**
 * The client without its socket, its timers and its clock: what it is told, and when, decides what it asks
 * of its port. Instants are milliseconds of a monotonic clock.
 */
export class ClientCore {
  readonly #options: CoreOptions
  readonly #port: CorePort
  readonly #link: Link
  readonly #conversation: Conversation
  /** Why there is no connection: what those are told whose time runs out. */
  #why: Fault
  /** What all are told who ask when the end has come or is near. */
  #over: Fault | undefined
  /** Whether a loss of the connection is news. */
  #lossIsNews = true
  #closing: PromiseWithResolvers<void> | undefined
  #closeBy = NEVER
  /** Until when a connection that was given up may be heard by the daemon, which takes it for the newest then. */
  #echoUntil = 0
  /** The earliest deadline of those who wait, or some instant before it. */
  #deadlineAt = NEVER
  #wakeAt = NEVER

  constructor(options: CoreOptions, port: CorePort, random: () => number) {
    this.#options = options
    this.#port = port
    this.#link = new Link(options, random)
    this.#why = unreachableFault(options.address, 'it has not answered yet')
    this.#conversation = new Conversation(options, {
      send: frame => port.send(frame),
      queued: () => {
        if (this.#conversation.established) port.flushSoon()
      },
      emit: (event, ...values) => port.emit(event, ...values),
    })
  }

  get state(): LinkState {
    return this.#link.state
  }

  /** The sessions held, by key. */
  get sessions(): ReadonlyMap<string, Session> {
    return this.#conversation.admissions.sessions
  }

  start(now: number): void {
    if (this.#link.state === 'idle') this.#connect(now)
  }

  acquire(
    key: string,
    application: string | undefined,
    signal: AbortSignal | undefined,
    now: number,
  ): Promise<AcquireOutcome> {
    if (this.#over !== undefined) return Promise.reject(this.#over)
    if (signal?.aborted) return Promise.reject(signal.reason)
    const { admissions } = this.#conversation
    const { maxPending, acquireTimeoutMs } = this.#options
    if (!admissions.hasRoom(key, maxPending)) return Promise.reject(tooManyPendingFault(maxPending))
    const deadline = now + acquireTimeoutMs
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { resolve, reject, deadline, unhook: undefined }
      if (signal !== undefined) this.#hook(signal, key, waiter)
      admissions.acquire(key, application, waiter)
      this.#answerBy(deadline)
    })
  }

  query(method: Query, now: number): Promise<object> {
    if (this.#over !== undefined) return Promise.reject(this.#over)
    const { maxPending, acquireTimeoutMs } = this.#options
    if (this.#conversation.length >= maxPending) return Promise.reject(tooManyPendingFault(maxPending))
    const deadline = now + acquireTimeoutMs
    return new Promise((resolve, reject) => {
      this.#conversation.queries.ask(method, deadline, resolve, reject)
      this.#answerBy(deadline)
      if (this.#conversation.established) this.#port.flushSoon()
    })
  }

  /**
   * Refuses new requests, fails those that wait, gives all held sessions back (unless `keepSessions`) and
   * then closes the connection. Resolves when all is delivered, or could not be in time.
   */
  close(keepSessions: boolean, now: number): Promise<void> {
    if (this.#closing !== undefined) return this.#closing.promise
    this.#closing = Promise.withResolvers()
    const { promise } = this.#closing
    this.#over = closedFault()
    if (this.#link.state === 'ended') {
      this.#closing.resolve()
      return promise
    }
    this.#conversation.admissions.failAll(this.#over)
    this.#conversation.queries.failAll(this.#over)
    if (!keepSessions) this.#conversation.admissions.releaseAll()
    this.#closeBy = now + this.#options.closeTimeoutMs
    if (this.#conversation.settled) this.#finish()
    else this.#wakeBy(this.#closeBy)
    return promise
  }

  opened(): void {
    this.#link.opened()
    this.#conversation.open()
  }

  /** A text frame came. */
  received(text: string, now: number): void {
    const fault = this.#conversation.received(text)
    if (fault !== undefined) {
      this.#violated(fault, now)
      return
    }
    if (this.#link.state !== 'ready' && this.#conversation.established) {
      this.#link.ready(now)
      this.#lossIsNews = true
      this.#wakeBy(this.#link.wakeAt())
    }
    this.heard(now)
    if (this.#closing !== undefined && this.#conversation.settled) this.#finish()
  }

  /** The daemon gave a sign of life. */
  heard(now: number): void {
    this.#link.heard(now, this.#conversation.owed)
  }

  /** The connection was closed, broke, or could not be made (1006). */
  closed(code: number, reason: string, now: number): void {
    const { address } = this.#options
    const why = reason || `the connection was closed with code ${code}`
    const isEcho = code === CLOSE.superseded && now < this.#echoUntil
    if (isEcho) this.#lost(BROKEN, unreachableFault(address, 'it heard the connection before late'), now)
    else if (code === CLOSE.superseded) this.#lost(code, supersededFault(), now)
    else if (code === CLOSE.unauthenticated) this.#lost(code, unauthenticatedFault(address, why), now)
    else if (mayComeBack(code)) this.#lost(code, unreachableFault(address, why), now)
    else this.#lost(code, protocolFault(address, why), now)
  }

  /** The daemon refused to make the connection. Without `retry` it is the last attempt. */
  rejected(fault: Fault, retry: boolean, now: number): void {
    this.#lost(retry ? BROKEN : CLOSE.unauthenticated, fault, now)
  }

  /** Sends what has gathered. */
  flush(now: number): void {
    this.#conversation.flush()
    if (!this.#conversation.owed) return
    this.#link.asked(now)
    this.#wakeBy(this.#link.wakeAt())
  }

  /** Time has passed. */
  tick(now: number): void {
    this.#wakeAt = NEVER
    if (now >= this.#closeBy) {
      this.#finish()
      return
    }
    const step = this.#link.step(now)
    if (step === 'connect') this.#connect(now)
    else if (step === 'ping') this.#ping(now)
    else if (step === 'drop') this.#giveUp(now)
    if (now >= this.#deadlineAt) this.#expire(now)
    this.#wakeBy(Math.min(this.#link.wakeAt(), this.#deadlineAt, this.#closeBy))
  }

  #connect(now: number): void {
    this.#link.connecting(now)
    this.#wakeBy(this.#link.wakeAt())
    this.#port.connect()
  }

  #ping(now: number): void {
    this.#link.asked(now)
    this.#port.ping()
  }

  #giveUp(now: number): void {
    // Whatever was sent over it, `hello` first, may be under way for as long as a handshake may take.
    if (this.#link.state !== 'connecting') this.#echoUntil = now + this.#options.handshakeTimeoutMs
    this.#port.disconnect()
    this.#lost(BROKEN, unreachableFault(this.#options.address, 'it does not answer'), now)
  }

  #violated(fault: Fault, now: number): void {
    this.#port.disconnect(VIOLATED)
    this.#lost(fault.code === 'unauthenticated' ? CLOSE.unauthenticated : VIOLATED, fault, now)
  }

  #lost(code: number, fault: Fault, now: number): void {
    this.#why = fault
    this.#conversation.interrupted()
    const retryInMs = this.#link.lost(code, now)
    if (this.#lossIsNews || retryInMs === undefined) {
      this.#port.emit('disconnected', { code, fault, retryInMs: retryInMs ?? null })
    }
    this.#lossIsNews = false
    if (retryInMs === undefined) this.#end(fault)
    else if (this.#closing !== undefined && this.#conversation.settled) this.#finish()
    else this.#wakeBy(this.#link.wakeAt())
  }

  /** Closing is done, or has taken long enough. */
  #finish(): void {
    this.#port.disconnect(DONE)
    this.#end(this.#over ?? closedFault())
  }

  #end(fault: Fault): void {
    this.#over ??= fault
    this.#link.end()
    this.#conversation.end(fault)
    this.#closeBy = NEVER
    this.#deadlineAt = NEVER
    this.#wakeAt = NEVER
    this.#port.wakeAt(NEVER)
    this.#closing?.resolve()
  }

  #expire(now: number): void {
    const fault = () => this.#why
    const { admissions, queries } = this.#conversation
    this.#deadlineAt = Math.min(admissions.expire(now, fault), queries.expire(now, fault))
  }

  #answerBy(deadline: number): void {
    if (deadline >= this.#deadlineAt) return
    this.#deadlineAt = deadline
    this.#wakeBy(deadline)
  }

  #wakeBy(instant: number): void {
    if (instant >= this.#wakeAt) return
    this.#wakeAt = instant
    this.#port.wakeAt(instant)
  }

  #hook(signal: AbortSignal, key: string, waiter: Waiter): void {
    const abort = () => {
      this.#conversation.admissions.giveUp(key, waiter)
      waiter.reject(signal.reason)
    }
    signal.addEventListener('abort', abort, { once: true })
    waiter.unhook = () => signal.removeEventListener('abort', abort)
  }
}
