import type { IncomingMessage, Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { createServer, STATUS_CODES } from '../../http.ts'
import { SUBPROTOCOL } from '../../protocol/codes.ts'
import { type Door, judgeHandshake } from './handshake.ts'
import { LeanSocket } from './lean-socket.ts'

const MAX_HEADER_BYTES = 8 * 1024
const HEAD_TIMEOUT_MS = 5000

/** A frame up to this many times the allowed length is answered with an error; a longer one ends the connection. */
const HARD_FRAME_FACTOR = 4

export interface ListenerOptions {
  readonly door: () => Door
  readonly tls: { readonly cert: Buffer; readonly key: Buffer } | null
  readonly maxFrameBytes: number
  /** False where there are as many connections as allowed. */
  readonly hasRoom: () => boolean
  readonly onConnection: (ws: WebSocket, socket: Duplex, authenticated: boolean) => void
  readonly onRefused: (code: string) => void
  /** The kernel could not hand over a connection, as where no file descriptor is left. */
  readonly onTrouble: (error: Error) => void
}

/** Makes the HTTP server that turns handshakes into connections. It does not listen yet. */
export function createListener(options: ListenerOptions): Server {
  const settings = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEAD_TIMEOUT_MS,
    requestTimeout: HEAD_TIMEOUT_MS,
    connectionsCheckingInterval: 1000,
    keepAliveTimeout: 1000,
  }
  const server =
    options.tls === null ? createServer(settings) : createTlsServer({ ...settings, ...options.tls })
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: options.maxFrameBytes * HARD_FRAME_FACTOR,
    maxFragments: 1024,
    handleProtocols: () => SUBPROTOCOL,
  })
  // Once it listens, trouble with one who wants to come in must not end the daemon, and with it every call.
  server.on('error', error => {
    if (server.listening) options.onTrouble(error)
  })
  server.on('request', (_request, response) => {
    const body = problem('upgrade-required', 'This is a WebSocket endpoint.', 'See docs/PROTOCOL.md.')
    response.writeHead(426, { 'Content-Type': 'application/json', Upgrade: 'websocket', Connection: 'close' })
    response.end(body)
  })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // Without a listener, a peer that resets the connection here would end the process.
    socket.on('error', ignoreReset)
    const judgement = judgeHandshake(request.url, request.headers, options.door())
    if (!judgement.admitted) {
      options.onRefused(judgement.code)
      reject(socket, judgement.status, problem(judgement.code, judgement.message, judgement.hint))
      return
    }
    if (!options.hasRoom()) {
      options.onRefused('too-many-connections')
      const hint = 'Let several calls share a connection, or raise bounds.maxConnections.'
      reject(socket, 503, problem('too-many-connections', 'There are as many connections as allowed.', hint))
      return
    }
    // What came with the handshake is in the stream of the socket, which therefore has to stay.
    const lean = head.length > 0 ? null : LeanSocket.takeOver(socket)
    lean?.on('error', ignoreReset)
    const own = lean ?? socket
    sockets.handleUpgrade(request, own, head, ws => {
      own.off('error', ignoreReset)
      options.onConnection(ws, own, judgement.authenticated)
    })
  })
  return server
}

/** A peer that goes away during the handshake concerns nobody; its socket is closed by Node. */
function ignoreReset(): void {}

function problem(code: string, message: string, hint: string): string {
  return JSON.stringify({ code, message, hint })
}

function reject(socket: Duplex, status: number, body: string): void {
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Connection: close',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ]
  if (status === 503) head.push('Retry-After: 1')
  if (status === 401) head.push('WWW-Authenticate: Bearer')
  // A peer that does not close its side would otherwise keep the socket, and nobody counts it any more.
  socket.once('finish', () => socket.destroy())
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}
