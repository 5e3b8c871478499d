import type { Fault } from '../errors.ts'
import type { ResultOf } from '../protocol/schemas.ts'
import { Admissions } from './admissions.ts'
import type { Entry } from './entries.ts'
import type { ClientEvents } from './events.ts'
import { answeredFault, protocolFault } from './faults.ts'
import { Outbox } from './outbox.ts'
import { Queries } from './queries.ts'
import {
  isAcquireResult,
  isHelloResult,
  isObject,
  isReleaseResult,
  isResumeResult,
  type Notifications,
  parseMessages,
  type WireMessage,
} from './wire.ts'

export interface ConversationOptions {
  /** For messages. */
  readonly address: string
  /** The parameters of `hello`, as JSON. */
  readonly hello: string
  /** As many requests as wait make a frame at once, not only in the next `flush`. */
  readonly partLength: number
}

export interface ConversationPort {
  send(frame: string): void
  /** Something waits to be sent by `flush`. */
  queued(): void
  emit<E extends keyof ClientEvents>(event: E, ...values: ClientEvents[E]): void
}

/**
 * What client and daemon say to each other: requests, replies and notifications, over one connection after
 * another. It knows neither time nor sockets.
 */
export class Conversation {
  readonly admissions: Admissions
  readonly queries: Queries
  readonly #address: string
  readonly #hello: string
  readonly #partLength: number
  readonly #port: ConversationPort
  readonly #outbox = new Outbox()
  /** The daemon's part of the handshake; `undefined` until it came on this connection. */
  #greeting: ResultOf<'hello'> | undefined
  #resumesOwed = 0
  #resumed = 0
  #draining = false

  constructor({ address, hello, partLength }: ConversationOptions, port: ConversationPort) {
    this.#address = address
    this.#hello = hello
    this.#partLength = partLength
    this.#port = port
    this.admissions = new Admissions(
      this.#outbox,
      () => this.#queued(),
      loss => port.emit('sessionLost', loss),
    )
    this.queries = new Queries(this.#outbox)
  }

  /** Requests that wait to be sent or answered. */
  get length(): number {
    return this.#outbox.length
  }

  /** Whether the daemon owes an answer. */
  get owed(): boolean {
    return this.#outbox.owed
  }

  /** Whether nothing is left that should still be sent or answered. */
  get settled(): boolean {
    return this.#outbox.settled
  }

  /** Whether the daemon was greeted and the held sessions are resumed, so that requests may flow. */
  get established(): boolean {
    return this.#greeting !== undefined && this.#resumesOwed === 0
  }

  /** Begins on a new connection. */
  open(): void {
    this.#port.send(this.#outbox.hello(this.#hello))
  }

  /** The connection is gone; what was not answered waits for the next one. */
  interrupted(): void {
    this.#greeting = undefined
    this.#resumesOwed = 0
    this.#resumed = 0
    this.#draining = false
    this.#outbox.interrupted()
  }

  /** Sends what has gathered. */
  flush(): void {
    if (this.#greeting === undefined || this.#resumesOwed > 0) return
    this.#outbox.flush(this.#greeting.bounds, !this.#draining, this.#port.send)
  }

  /** Takes a text frame. Returns the fault for which the connection must be given up, if there is one. */
  received(text: string): Fault | undefined {
    const messages = parseMessages(text)
    if (messages === undefined) return protocolFault(this.#address, 'it sent what is not JSON-RPC.')
    for (const message of messages) {
      const fault = message.method === undefined ? this.#answered(message) : this.#notified(message)
      if (fault !== undefined) return fault
    }
    return undefined
  }

  /** Nothing will be sent or received any more: all who wait are told `fault`, releases `false`. */
  end(fault: Fault): void {
    this.admissions.failAll(fault)
    this.queries.failAll(fault)
    this.admissions.end()
    for (const entry of this.#outbox.clear()) if (entry.kind === 'release') entry.resolve?.(false)
  }

  /** The daemon works on what was sent already while the client makes the next requests. */
  #queued(): void {
    if (this.established && this.#outbox.waiting >= this.#partLength) this.flush()
    this.#port.queued()
  }

  #answered({ id, result, error }: WireMessage): Fault | undefined {
    const entry = this.#outbox.answered(id)
    if (entry === undefined) {
      const what = error === undefined ? 'a reply that nobody asked for' : `the error "${error.message}"`
      return protocolFault(this.#address, `it sent ${what}.`)
    }
    if (error !== undefined) return this.#failed(entry, answeredFault(this.#address, error))
    if (this.#taken(entry, result)) return undefined
    return protocolFault(this.#address, `its answer to ${entry.kind} is malformed.`)
  }

  /** Takes the result of a request; returns false where it is not one. */
  #taken(entry: Entry, result: unknown): boolean {
    switch (entry.kind) {
      case 'acquire':
        if (!isAcquireResult(result)) return false
        if (result.granted) this.admissions.granted(entry, result.token)
        else {
          if (result.reason === 'draining') this.#draining = true
          this.admissions.refused(entry, result.reason, result.inUse, result.limit)
        }
        return true
      case 'release':
        if (!isReleaseResult(result)) return false
        entry.resolve?.(result.released || entry.repeated)
        return true
      case 'query':
        if (!isObject(result)) return false
        this.queries.answered(entry, result)
        return true
      case 'hello':
        if (!isHelloResult(result)) return false
        this.#greeting = result
        this.#resume(result.bounds.maxFrameBytes)
        return true
      case 'resume':
        if (!isResumeResult(result)) return false
        this.admissions.resumed(entry, result)
        this.#resumed += result.resumed
        this.#resumesOwed--
        this.#establish()
        return true
    }
  }

  /** An error came instead of a result. Without the handshake there is no going on; all else ends alone. */
  #failed(entry: Entry, fault: Fault): Fault | undefined {
    switch (entry.kind) {
      case 'acquire':
        this.admissions.failed(entry, fault)
        return undefined
      case 'query':
        this.queries.failed(entry, fault)
        return undefined
      case 'release':
        entry.resolve?.(false)
        this.#port.emit('fault', fault)
        return undefined
      default:
        return fault
    }
  }

  #resume(maxFrameBytes: number): void {
    const chunks = [...this.admissions.resumable(maxFrameBytes)]
    this.#resumesOwed = chunks.length
    for (const chunk of chunks) this.#port.send(this.#outbox.resume(chunk))
    this.#establish()
  }

  #establish(): void {
    if (this.#greeting === undefined || this.#resumesOwed > 0) return
    const { instanceId, version, limit, inUse, resumeWindowMs } = this.#greeting
    const resumed = this.#resumed
    this.#port.emit('connected', { instanceId, version, limit, inUse, resumed, resumeWindowMs })
    this.#port.queued()
  }

  #notified({ method, params }: WireMessage): Fault | undefined {
    if (!isObject(params)) return protocolFault(this.#address, `its notification ${method} has no params.`)
    switch (method) {
      case 'limit.changed':
        this.#port.emit('limitChanged', params as Notifications['limit.changed'])
        return undefined
      case 'license.changed':
        this.#port.emit('licenseChanged', params as Notifications['license.changed'])
        return undefined
      case 'draining':
        this.#draining = true
        this.#port.emit('draining', params as Notifications['draining'])
        return undefined
      case 'session.ended': {
        const ended = params as Notifications['session.ended']
        const session = this.admissions.endedByDaemon(ended)
        if (session !== undefined) this.#port.emit('sessionEnded', { session, cause: ended.cause })
        return undefined
      }
      default:
        // A newer daemon may have more to tell; nothing that was asked for is missed.
        return undefined
    }
  }
}
