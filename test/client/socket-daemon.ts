import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'
import { SUBPROTOCOL } from '../../src/protocol/codes.ts'
import { encodeNotification } from '../../src/protocol/messages.ts'
import type { NotificationName, NotificationParams } from '../../src/protocol/schemas.ts'
import { SimulatedDaemon, type SimulatedOptions } from './simulated-daemon.ts'

export interface SocketOptions extends SimulatedOptions {
  /** Listens on this Unix socket instead of a TCP port. */
  readonly socketPath?: string
}

/**
 * The simulated daemon behind a real WebSocket server: for tests of what travels over sockets, and of what a
 * good daemon never does.
 */
export class SocketDaemon {
  readonly daemon: SimulatedDaemon
  /** Judges a request before it becomes a WebSocket: 101 lets it in, 0 is silence, all else is a refusal. */
  judge: (request: IncomingMessage) => number = () => 101
  /** The body of a refusal. */
  body = JSON.stringify({ code: 'refused', message: 'The test refuses.', hint: 'Ask the test.' })
  readonly connections = new Set<WebSocket>()
  readonly requests: IncomingMessage[] = []
  readonly #socketPath: string | undefined
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined
  #port = 0

  constructor(options: SocketOptions = {}) {
    this.daemon = new SimulatedDaemon({ resumeWindowMs: 60_000, ...options })
    this.#socketPath = options.socketPath
  }

  get url(): string {
    return this.#socketPath === undefined ? `ws://127.0.0.1:${this.#port}` : `ws+unix://${this.#socketPath}`
  }

  async listen(): Promise<this> {
    const server = createServer()
    const webSockets = new WebSocketServer({ noServer: true, handleProtocols: () => SUBPROTOCOL })
    server.on('connection', socket => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
    server.on('upgrade', (request, socket, head) => {
      this.requests.push(request)
      const status = this.judge(request)
      if (status === 101)
        webSockets.handleUpgrade(request, socket, head, connection => this.#serve(connection))
      else if (status !== 0) {
        socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: ${this.body.length}\r\n\r\n${this.body}`)
      }
    })
    server.listen(this.#socketPath ?? { port: this.#port, host: '127.0.0.1' })
    await once(server, 'listening')
    this.#server = server
    if (this.#socketPath === undefined) this.#port = (server.address() as AddressInfo).port
    return this
  }

  /** Dies as a killed process does. What it held, its journal gives to the one that listens next. */
  async die(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    const closed = once(server, 'close')
    server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
    this.daemon.restart()
  }

  /** From now on it neither reads nor writes; the sockets stay open. */
  freeze(): void {
    for (const socket of this.#sockets) socket.pause()
    this.judge = () => 0
  }

  notify<N extends NotificationName>(method: N, params: NotificationParams<N>): void {
    for (const connection of this.connections) connection.send(encodeNotification(method, params))
  }

  closeAll(code: number): void {
    for (const connection of this.connections) connection.close(code)
  }

  #serve(connection: WebSocket): void {
    const peer = this.daemon.connect()
    this.connections.add(connection)
    connection.on('error', () => connection.terminate())
    connection.on('close', () => {
      this.connections.delete(connection)
      peer.leave()
    })
    connection.on('message', data => {
      const reply = peer.receive(data.toString())
      if (reply !== undefined && connection.readyState === WebSocket.OPEN) connection.send(reply)
    })
  }
}
