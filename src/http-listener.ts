import type { RequestListener, Server } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import { createServer } from './http.ts'

/** Certificate chain and key, PEM. */
export interface TlsMaterial {
  cert: Buffer
  key: Buffer
}

/** What a client may ask of an HTTP listener, and how long that waits for it. */
export interface HttpBounds {
  readonly maxHeaderBytes: number
  readonly requestTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly maxConnections: number
}

/** How often connections are looked at for what takes too long; at most so much later they are closed. */
const checkEveryMs = 1000

/** An HTTP server, with TLS where there is a certificate, in which everything that a client sends has its bound. */
export function createListener(
  handler: RequestListener,
  bounds: HttpBounds,
  tls: TlsMaterial | null,
): Server | TlsServer {
  const { maxHeaderBytes, requestTimeoutMs, idleTimeoutMs, maxConnections } = bounds
  const options = {
    maxHeaderSize: maxHeaderBytes,
    // From the first byte to the last one of a request: whoever sends it in drops does not hold a connection.
    headersTimeout: requestTimeoutMs,
    requestTimeout: requestTimeoutMs,
    connectionsCheckingInterval: Math.min(checkEveryMs, requestTimeoutMs),
    keepAliveTimeout: idleTimeoutMs,
    requireHostHeader: true,
    insecureHTTPParser: false,
  }
  const server =
    tls === null
      ? createServer(options, handler)
      : createTlsServer(
          { ...options, ...tls, minVersion: 'TLSv1.2', handshakeTimeout: requestTimeoutMs },
          handler,
        )
  server.maxConnections = maxConnections
  server.maxHeadersCount = 100
  // Whoever does not read the answer is cut off as well.
  server.timeout = requestTimeoutMs + idleTimeoutMs
  return server
}
