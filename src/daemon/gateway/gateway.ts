import type { Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { encodeFailure, encodeNotification, parseFrame } from '../../protocol/messages.ts'
import { NOTIFICATIONS, type NotificationName, type NotificationParams } from '../../protocol/schemas.ts'
import type { Client } from '../../session/client-table.ts'
import type { EndedSession } from '../../session/policy.ts'
import { Connection, type LateReply, type PendingFrame, type TokenSealer } from './connection.ts'
import type { Door } from './handshake.ts'
import { createListener } from './listener.ts'
import { readPlainFrames } from './plain-frames.ts'
import { type RequestContext, Requests } from './requests.ts'
import { Turn } from './turn.ts'

export interface GatewayBounds {
  readonly maxFrameBytes: number
  readonly maxBatchLength: number
  readonly maxConnections: number
  readonly maxBufferedBytes: number
  readonly authenticationTimeoutMs: number
  readonly pingIntervalMs: number
}

/** What the operator may hear of connections. Nothing here comes once per session. */
export interface GatewayEvents {
  handshakeRefused(code: string): void
  /** Somebody could not be let in for want of something, as of a file descriptor. */
  acceptFailed(error: Error): void
  connectionClosed(cause: string, label: string | null): void
  /** A fault of the daemon itself while it carried out a frame; its connection is closed. */
  fault(error: unknown): void
}

export interface GatewayOptions extends Omit<RequestContext, 'onAttached' | 'bounds' | 'notifyEnded'> {
  readonly bounds: () => GatewayBounds
  /** Monotonic milliseconds. */
  readonly now: () => number
  readonly commit: () => void
  readonly seal: TokenSealer
  /** So many acquires were answered by a turn that began at that time: one call a turn, made when it ends. */
  readonly onAcquires: (count: number, beganAt: number) => void
  readonly events: GatewayEvents
}

export interface ListenerSettings {
  readonly door: () => Door
  readonly tls: { readonly cert: Buffer; readonly key: Buffer } | null
  /** False for listeners beyond loopback, whose peers may vanish without a word and are pinged. */
  readonly local: boolean
  /** True for the socket of operators: who may connect to it may see and release every session. */
  readonly isOperators?: boolean
}

/** So that operators get in also where calls have taken every connection. */
const MAX_OPERATORS = 16

/**
 * The connections: reads their frames, has the requests carried out, and lets the replies leave when the turn
 * was committed. It decides nothing about sessions.
 */
export class Gateway {
  readonly #options: GatewayOptions
  readonly #requests: Requests
  readonly #turn: Turn
  readonly #connections = new Set<Connection>()
  readonly #byClient = new Map<Client, Connection>()
  #operators = 0
  #pinger: NodeJS.Timeout | null = null
  #closing = false

  constructor(options: GatewayOptions) {
    this.#options = options
    this.#requests = new Requests({
      ...options,
      onAttached: (...change) => this.#attached(...change),
      notifyEnded: ended => this.notifyEnded(ended),
    })
    const { now, commit } = options
    this.#turn = new Turn({
      now,
      commit,
      onSent: beganAt => this.#sent(beganAt),
      maxBufferedBytes: options.bounds().maxBufferedBytes,
      onSlowReader: connection => this.#end(connection, 'slow-reader'),
    })
  }

  get connections(): number {
    return this.#connections.size
  }

  /** Makes a server whose handshakes become connections of this gateway. The caller lets it listen. */
  createServer(settings: ListenerSettings): Server {
    const { bounds, events } = this.#options
    if (!settings.local && this.#pinger === null) {
      this.#pinger = setInterval(() => afterInput(() => this.#ping()), bounds().pingIntervalMs)
      this.#pinger.unref()
    }
    return createListener({
      door: settings.door,
      tls: settings.tls,
      maxFrameBytes: bounds().maxFrameBytes,
      hasRoom: () => !this.#closing && this.#hasRoom(settings.isOperators === true),
      onConnection: (ws, socket, authenticated) => this.#open(ws, socket, settings, authenticated),
      onRefused: code => events.handshakeRefused(code),
      onTrouble: error => events.acceptFailed(error),
    })
  }

  /** Sends a notification to every connection that asked for its topic, at the end of the turn. */
  notify<N extends NotificationName>(name: N, params: NotificationParams<N>): void {
    const { topic } = NOTIFICATIONS[name]
    const text = encodeNotification(name, params)
    for (const connection of this.#connections) if (connection.topics.has(topic)) this.#say(connection, text)
  }

  /** Tells the holders of sessions that the daemon ended, where they asked to hear of it. */
  notifyEnded(ended: readonly EndedSession[]): void {
    for (const { client, token, key, cause } of ended) {
      const connection = this.#byClient.get(client)
      if (connection === undefined || !connection.topics.has('session')) continue
      if (cause !== 'max-duration' && cause !== 'operator') continue
      this.#say(connection, encodeNotification('session.ended', { token, key, cause }))
    }
  }

  /** Something changed sessions outside of a request: have it committed with the turn. */
  touch(): void {
    this.#turn.begin()
  }

  /** Sends what is waiting, then closes every connection. Resolves when all are gone, or after `graceMs`. */
  async closeAll(code: number, reason: string, graceMs: number): Promise<void> {
    if (this.#pinger !== null) clearInterval(this.#pinger)
    // Who still shakes hands would come too late to be closed.
    this.#closing = true
    this.#turn.finish()
    const gone = [...this.#connections].map(connection => {
      const closed = new Promise<void>(resolve => connection.ws.once('close', () => resolve()))
      connection.shut(code, reason)
      return closed
    })
    const cutOff = setTimeout(() => {
      for (const { ws } of this.#connections) ws.terminate()
    }, graceMs)
    await Promise.all(gone)
    clearTimeout(cutOff)
  }

  #hasRoom(isOperators: boolean): boolean {
    if (isOperators) return this.#operators < MAX_OPERATORS
    return this.#connections.size - this.#operators < this.#options.bounds().maxConnections
  }

  #open(
    ws: WebSocket,
    socket: Duplex,
    { local, isOperators: isOperator = false }: ListenerSettings,
    authenticated: boolean,
  ): void {
    const { seal } = this.#options
    const connection = new Connection(ws, socket, { local, isOperator, authenticated, seal })
    this.#connections.add(connection)
    if (isOperator) this.#operators++
    ws.on('message', (data, isBinary) => {
      if (isBinary) this.#refuseBinary(connection)
      else this.#receive(connection, String(data), (data as Buffer).length)
    })
    const { maxFrameBytes } = this.#options.bounds()
    readPlainFrames(ws, socket, maxFrameBytes, (text, length) => this.#receive(connection, text, length))
    ws.on('close', () => this.#closed(connection))
    ws.on('error', error =>
      this.#options.events.connectionClosed((error as { code?: string }).code ?? 'error', label(connection)),
    )
    if (!local)
      ws.on('pong', () => {
        connection.alive = true
      })
    if (authenticated) return
    const { authenticationTimeoutMs } = this.#options.bounds()
    connection.authenticationTimer = setTimeout(() => {
      afterInput(() => {
        if (!connection.authenticated && connection.open) this.#end(connection, 'unauthenticated')
      })
    }, authenticationTimeoutMs)
  }

  #refuseBinary(connection: Connection): void {
    if (!connection.open) return
    this.#turn.begin()
    this.#turn.finish()
    connection.shut(1003, 'text frames only')
  }

  #receive(connection: Connection, text: string, length: number): void {
    if (!connection.open) return
    connection.alive = true
    const now = this.#turn.begin()
    try {
      const frame = this.#answer(connection, text, length, now)
      if (frame !== null) this.#say(connection, frame)
    } catch (error) {
      this.#options.events.fault(error)
      this.#end(connection, 'internal-error')
    }
  }

  #answer(connection: Connection, text: string, length: number, now: number): PendingFrame | null {
    const { maxFrameBytes, maxBatchLength } = this.#options.bounds()
    if (length > maxFrameBytes) {
      const message = `The frame has ${length} bytes; at most ${maxFrameBytes} are allowed. Nothing in it was read.`
      return encodeFailure(null, 'frame-too-large', message)
    }
    const incoming = parseFrame(text, maxBatchLength)
    if (!Array.isArray(incoming)) return this.#requests.answer(connection, incoming, now)
    const replies: (string | LateReply)[] = []
    for (const item of incoming) {
      const reply = this.#requests.answer(connection, item, now)
      if (reply !== null) replies.push(reply)
    }
    return replies.length > 0 ? replies : null
  }

  #say(connection: Connection, frame: PendingFrame): void {
    this.#turn.begin()
    if (connection.say(frame)) this.#turn.speaks(connection)
  }

  #sent(beganAt: number): void {
    const { acquires } = this.#requests
    if (acquires === 0) return
    this.#requests.acquires = 0
    this.#options.onAcquires(acquires, beganAt)
  }

  #attached(connection: Connection, client: Client, superseded: boolean): void {
    const older = this.#byClient.get(client)
    this.#byClient.set(client, connection)
    if (superseded && older !== undefined) this.#end(older, 'superseded')
  }

  #closed(connection: Connection): void {
    connection.open = false
    this.#connections.delete(connection)
    if (connection.isOperator) this.#operators--
    if (connection.authenticationTimer !== null) clearTimeout(connection.authenticationTimer)
    const { client } = connection
    if (client === null) return
    const now = this.#turn.begin()
    if (this.#byClient.get(client) === connection) this.#byClient.delete(client)
    const { counter, watchProcess } = this.#options
    counter.detach(client, connection.attachment, now)
    const { process } = client
    if (process !== null && watchProcess(process) === 'dead') counter.releaseDead(process)
  }

  #end(connection: Connection, cause: Parameters<Connection['close']>[0]): void {
    connection.close(cause)
    this.#options.events.connectionClosed(cause, label(connection))
  }

  /** Ends those that gave no sign of life since the last ping, and asks all others for one. */
  #ping(): void {
    for (const connection of this.#connections) {
      if (connection.local) continue
      if (!connection.alive) this.#end(connection, 'ping-timeout')
      else {
        connection.alive = false
        connection.ws.ping()
      }
    }
  }
}

/**
 * Where the process stood still, timers run before anything is read, and what a peer said in time is still in its
 * socket. So whoever judges a peer by its silence reads first: immediates come after the sockets.
 */
function afterInput(judge: () => void): void {
  setImmediate(judge)
}

function label(connection: Connection): string | null {
  return connection.client?.label ?? null
}
