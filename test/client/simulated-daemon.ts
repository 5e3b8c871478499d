import { SUBPROTOCOL } from '../../src/protocol/codes.ts'
import {
  type Call,
  encodeFailure,
  encodeGranted,
  encodeRefused,
  encodeReleased,
  encodeResult,
  type Incoming,
  isFailure,
  parseFrame,
} from '../../src/protocol/messages.ts'
import type { Client } from '../../src/session/client-table.ts'
import { SessionCounter } from '../../src/session/counter.ts'
import type { SessionPolicy } from '../../src/session/policy.ts'
import { MemoryJournal } from '../session/memory-journal.ts'

export interface SimulatedOptions {
  readonly limit?: number
  readonly maxBatchLength?: number
  readonly maxFrameBytes?: number
  readonly resumeWindowMs?: number
}

/** Answers a call in its own way: a reply, `null` for silence, or `undefined` for the ordinary answer. */
export type Answer = (call: Call) => string | null | undefined

/**
 * The daemon without its sockets: the protocol's parser before the session counter, with a journal in
 * memory. Tests may let it die, forget, drain, and answer in ways in which a good daemon never does.
 */
export class SimulatedDaemon {
  counter: SessionCounter
  now = 0
  answer: Answer | undefined
  /** The methods of the requests in each frame received so far. */
  readonly frames: string[][] = []
  readonly #options: SimulatedOptions
  #journal = new MemoryJournal()
  #nonces = 0
  #runs = 0

  constructor(options: SimulatedOptions = {}) {
    this.#options = options
    this.counter = this.#start()
  }

  /** The methods of all requests received so far. */
  get methods(): string[] {
    return this.frames.flat()
  }

  connect(): Peer {
    return new Peer(this)
  }

  setLimit(limit: number): void {
    this.counter.setPolicy({ ...this.#policy, limit })
  }

  /** Dies and is started again. The test breaks the connections. */
  restart(): void {
    this.counter = this.#start()
  }

  /** Dies and loses its journal. */
  forget(): void {
    this.#journal = new MemoryJournal()
    this.restart()
  }

  /** Takes a frame of a connection; gives the frame that answers it, if one does. */
  receive(peer: Peer, frame: string): string | undefined {
    const parsed = parseFrame(frame, this.maxBatchLength)
    const items = Array.isArray(parsed) ? parsed : [parsed]
    this.frames.push(items.map(item => (isFailure(item) ? item.failure : item.method)))
    const tooLarge: Incoming = { id: null, failure: 'frame-too-large', message: 'The frame is too large.' }
    if (frame.length > this.maxFrameBytes) return this.#reply(peer, tooLarge) ?? undefined
    const replies: string[] = []
    for (const item of items) {
      const reply = this.#reply(peer, item)
      if (reply !== null) replies.push(reply)
    }
    this.#journal.commit(this.counter)
    if (replies.length === 0) return undefined
    return Array.isArray(parsed) ? `[${replies.join(',')}]` : replies[0]
  }

  get maxBatchLength(): number {
    return this.#options.maxBatchLength ?? 512
  }

  get resumeWindowMs(): number {
    return this.#options.resumeWindowMs ?? 1000
  }

  get maxFrameBytes(): number {
    return this.#options.maxFrameBytes ?? 262_144
  }

  /** The connection of the peer is gone; to a daemon that was started since it means nothing. */
  left(counter: SessionCounter, client: Client, attachment: number): void {
    if (counter !== this.counter) return
    counter.detach(client, attachment, this.now)
    this.#journal.commit(this.counter)
  }

  /** Time has passed, perhaps enough for orphaned sessions to be released. The clock does not go back. */
  expireBy(now: number): void {
    this.now = Math.max(now, this.now)
    this.counter.expire(this.now)
    this.#journal.commit(this.counter)
  }

  get #policy(): SessionPolicy {
    return {
      limit: this.#options.limit ?? 10,
      refusal: null,
      features: new Set(),
      applications: new Map(),
      maxSessionsPerClient: 10_000,
      maxApplications: 16,
      resumeWindowMs: this.resumeWindowMs,
    }
  }

  #start(): SessionCounter {
    const nonces = () => ++this.#nonces
    const counter = new SessionCounter({ policy: this.#policy, nonces, previousSigner: null })
    this.#journal.restore(counter, this.now)
    this.#runs++
    return counter
  }

  #reply(peer: Peer, item: Incoming): string | null {
    if (isFailure(item)) return item.silent ? null : encodeFailure(item.id, item.failure, item.message)
    const own = this.answer?.(item)
    return own === undefined ? this.#answered(peer, item) : own
  }

  #answered(peer: Peer, call: Call): string | null {
    const { counter } = this
    const id = call.id ?? 0
    switch (call.method) {
      case 'hello':
        return encodeResult(id, this.#hello(peer, call.params))
      case 'session.acquire': {
        const application = counter.applications.named(call.params.application ?? peer.application)
        if (application === null) return encodeFailure(id, 'too-many-applications', 'Too many applications.')
        const decision = counter.acquire(peer.client(), application, call.params.key, this.now)
        const { inUse, limit } = decision
        return decision.granted
          ? encodeGranted(id, decision.repeated, decision.token, inUse, limit)
          : encodeRefused(id, decision.reason, inUse, limit)
      }
      case 'session.release': {
        const released = counter.release(call.params.token)
        return call.id === undefined ? null : encodeReleased(id, released)
      }
      case 'session.resume':
        return encodeResult(id, counter.resume(peer.client(), call.params.tokens ?? [], this.now))
      default:
        return encodeResult(id, { method: call.method, inUse: counter.inUse })
    }
  }

  #hello(peer: Peer, params: Extract<Call, { method: 'hello' }>['params']): object {
    peer.hello = params
    const { counter } = this
    const { limit, inUse } = counter
    const resumable = counter.resumable(peer.client())
    const { maxBatchLength, maxFrameBytes } = this
    return {
      protocol: SUBPROTOCOL,
      version: '0.0.0',
      instanceId: `run-${this.#runs}`,
      limit,
      inUse,
      resumable,
      resumeWindowMs: this.resumeWindowMs,
      processWatched: false,
      bounds: { maxFrameBytes, maxBatchLength, maxSessionsPerClient: 10_000 },
    }
  }
}

/** One connection of the simulated daemon. */
export class Peer {
  hello: Extract<Call, { method: 'hello' }>['params'] = {}
  readonly #daemon: SimulatedDaemon
  readonly #counter: SessionCounter
  #client: Client | undefined
  #attachment = 0

  constructor(daemon: SimulatedDaemon) {
    this.#daemon = daemon
    this.#counter = daemon.counter
  }

  get application(): string {
    return this.hello.application ?? 'default'
  }

  client(): Client {
    if (this.#client === undefined) {
      const { clientId, clientSecret } = this.hello
      const identity = clientSecret === undefined ? null : `${clientId} ${clientSecret}`
      const record = { identity, label: clientId ?? null, process: null }
      this.#client = this.#counter.attach(record, this.#daemon.now).client
      this.#attachment = this.#client.attachment as number
    }
    return this.#client
  }

  receive(frame: string): string | undefined {
    return this.#counter === this.#daemon.counter ? this.#daemon.receive(this, frame) : undefined
  }

  leave(): void {
    if (this.#client !== undefined) this.#daemon.left(this.#counter, this.#client, this.#attachment)
  }
}
