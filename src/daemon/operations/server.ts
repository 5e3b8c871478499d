import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { hostNamesLoopback, isLoopback } from '../../config/loopback.ts'
import { createListener } from '../../http-listener.ts'
import type { Render } from './paced.ts'

/** Scrapers and probes are few, and ask for little. */
const bounds = { maxHeaderBytes: 8192, requestTimeoutMs: 5000, idleTimeoutMs: 5000, maxConnections: 32 }

/** The body of `/readyz`. */
export interface Readiness {
  readonly ready: boolean
  readonly draining: boolean
  readonly license: string
  readonly admits: boolean
  readonly journal: 'ok' | 'degraded'
}

export interface OperationsOptions {
  readonly host: string
  readonly port: number
  /** A socket that listens already, instead of host and port. */
  readonly fd?: number | undefined
  readonly readiness: () => Readiness
  /** Loads what writes metrics, which a start should not wait for. */
  readonly loadMetrics: () => Promise<Render>
  readonly onFault: (error: unknown) => void
}

/** `/metrics` and the probes, apart from what call processes reach: no request here counts as traffic. */
export class OperationsServer {
  readonly #options: OperationsOptions
  readonly #server: Server
  #metrics: Promise<Render> | null = null

  constructor(options: OperationsOptions) {
    this.#options = options
    this.#server = createListener((request, response) => void this.#answer(request, response), bounds, null)
    // Once it listens, trouble of the kernel with a connection must not end the daemon.
    this.#server.on('error', error => {
      if (this.#server.listening) options.onFault(error)
    })
  }

  /** Where it listens; null where it does not. */
  get address(): AddressInfo | null {
    return this.#server.address() as AddressInfo | null
  }

  /** Rejects with what the kernel said where it cannot listen; it can be tried again. */
  async listen(): Promise<void> {
    const { host, port, fd } = this.#options
    const server = this.#server
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(fd === undefined ? { host, port } : { fd }, () => {
        server.off('error', reject)
        resolve()
      })
    })
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('X-Content-Type-Options', 'nosniff')
    try {
      await this.#route(request, response)
    } catch (error) {
      this.#options.onFault(error)
      if (!response.headersSent) sendJson(response, 500, { message: 'A fault of the daemon; see its log.' })
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url = '', headers } = request
    if (headers.origin !== undefined) {
      return sendJson(response, 403, { message: 'Requests of web pages are refused.' })
    }
    if (isLoopback(this.#options.host) && !hostNamesLoopback(headers.host)) {
      return sendJson(response, 403, { message: 'The header Host must name this machine.' })
    }
    const path = url.split('?', 1)[0]
    if (path !== '/metrics' && path !== '/healthz' && path !== '/readyz') {
      return sendJson(response, 404, { message: 'There are /metrics, /healthz and /readyz.' })
    }
    if (method !== 'GET' && method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD')
      return sendJson(response, 405, { message: 'Nothing can be changed here.' })
    }
    if (path === '/healthz') return sendJson(response, 200, { status: 'ok' })
    if (path === '/metrics') return this.#sendMetrics(request, response)
    const readiness = this.#options.readiness()
    return sendJson(response, readiness.ready ? 200 : 503, readiness)
  }

  async #sendMetrics({ headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#metrics ??= this.#options.loadMetrics().catch(error => {
      this.#metrics = null
      throw error
    })
    const render = await this.#metrics
    const openMetrics = headers.accept?.includes('application/openmetrics-text') === true
    const { contentType, text } = await render(openMetrics)
    send(response, 200, contentType, text)
  }
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  send(response, status, 'application/json', `${JSON.stringify(body)}\n`)
}

function send(response: ServerResponse, status: number, contentType: string, text: string): void {
  const length = Buffer.byteLength(text)
  response.writeHead(status, {
    'Content-Type': contentType,
    'Content-Length': length,
    'Cache-Control': 'no-store',
  })
  response.end(text)
}
