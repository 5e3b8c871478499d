import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import type { Writable } from 'node:stream'
import { type ClientOptions, WebSocket } from 'ws'
import { type Fault, messageOf } from '../errors.ts'
import { SUBPROTOCOL } from '../protocol/codes.ts'
import { type Endpoint, readToken } from './endpoint.ts'
import { rejectedFault } from './faults.ts'
import { OutFrame } from './out-frame.ts'

/** What a connection tells. After `closed` or `rejected`, and after it was left, it tells nothing more. */
export interface ConnectionListener {
  opened(): void
  received(text: string): void
  heard(): void
  closed(code: number, reason: string): void
  /** `retry` says whether another attempt may have another result. */
  rejected(fault: Fault, retry: boolean): void
}

/** The longest message that the daemon may send. Its largest answers are those to resume and status. */
const MAX_PAYLOAD_BYTES = 4 * 1024 * 1024
/** As much of the body of an HTTP refusal is read. */
const MAX_BODY_LENGTH = 8192
const CLOSE_TIMEOUT_MS = 1000

/** One WebSocket to the daemon. */
export class Connection {
  readonly #endpoint: Endpoint
  readonly #listener: ConnectionListener
  readonly #socket: WebSocket
  /** The socket below the WebSocket: frames of text are written past `ws`. */
  #below: Writable | undefined
  readonly #out = new OutFrame()
  #over = false
  #error = ''

  /** Throws a fault where there is no token to present. */
  constructor(endpoint: Endpoint, listener: ConnectionListener) {
    this.#endpoint = endpoint
    this.#listener = listener
    const socket = new WebSocket(endpoint.url, [SUBPROTOCOL], webSocketOptions(endpoint))
    this.#socket = socket
    socket.on('upgrade', response => {
      this.#below = response.socket
    })
    socket.on('open', () => this.#over || listener.opened())
    socket.on('message', data => this.#over || listener.received(data.toString()))
    socket.on('ping', () => this.#over || listener.heard())
    socket.on('pong', () => this.#over || listener.heard())
    socket.on('error', error => {
      this.#error = messageOf(error) || String((error as NodeJS.ErrnoException).code)
    })
    socket.on('close', (code, reason) => {
      if (this.#over) return
      this.#over = true
      listener.closed(code, this.#error || reason.toString())
    })
    socket.on('unexpected-response', (_request, response) => this.#read(response))
  }

  send(frame: string): void {
    if (this.#below === undefined || this.#socket.readyState !== WebSocket.OPEN) return
    this.#out.sendTo(this.#below, frame)
  }

  ping(): void {
    this.#socket.ping()
  }

  /** Tells nothing any more. With a code the connection is closed in order, without one it is cut. */
  leave(code: number | undefined): void {
    this.#over = true
    if (code !== undefined && this.#socket.readyState === WebSocket.OPEN) this.#socket.close(code)
    else this.#socket.terminate()
  }

  /** The daemon answered with an HTTP status instead of a WebSocket; its body says why. */
  #read(response: IncomingMessage): void {
    let body = ''
    const tell = () => {
      if (this.#over) return
      this.leave(undefined)
      const status = response.statusCode ?? 0
      const fault = rejectedFault(this.#endpoint.address, status, body)
      this.#listener.rejected(fault, status !== 401 || this.#endpoint.tokenFile !== undefined)
    }
    response.setEncoding('utf8')
    response.on('data', (text: string) => {
      body += text
      if (body.length > MAX_BODY_LENGTH) tell()
    })
    response.on('close', tell)
  }
}

/** `closeTimeout` is missing in the types of ws. */
type Options = ClientOptions & { readonly closeTimeout: number }

function webSocketOptions(endpoint: Endpoint): Options {
  const { socketPath } = endpoint
  const token = readToken(endpoint)
  return {
    perMessageDeflate: false,
    maxPayload: MAX_PAYLOAD_BYTES,
    closeTimeout: CLOSE_TIMEOUT_MS,
    ...(token === undefined ? {} : { headers: { Authorization: `Bearer ${token}` } }),
    // The path is given as it is: in a ws+unix: URL some characters could not be.
    ...(socketPath === undefined ? {} : { createConnection: () => connect({ path: socketPath }) }),
  }
}
