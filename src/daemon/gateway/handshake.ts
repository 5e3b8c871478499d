import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { SUBPROTOCOL, TOKEN_SUBPROTOCOL_PREFIX } from '../../protocol/codes.ts'

/** What a listener asks of those who connect. */
export interface Door {
  /** Null on the Unix socket, whose file mode decides. */
  readonly accessToken: string | null
  /** Whether `Host` must name loopback: true for loopback TCP, against DNS rebinding. */
  readonly hostMustBeLoopback: boolean
  readonly allowedOrigins: readonly string[]
}

export type Judgement =
  | { readonly admitted: true; readonly authenticated: boolean }
  | {
      readonly admitted: false
      readonly status: number
      readonly code: string
      readonly message: string
      readonly hint: string
    }

/** Decides on a WebSocket handshake from its request line and headers alone. Never throws, whatever they hold. */
export function judgeHandshake(url: string | undefined, headers: IncomingHttpHeaders, door: Door): Judgement {
  const { origin, host } = headers
  if (origin !== undefined && !originAllowed(origin, door.allowedOrigins)) {
    const message = 'Requests of web pages are refused: the Origin is not on the allow-list.'
    return refuse(
      403,
      'origin-refused',
      message,
      'If this client is yours, add its exact origin to listen.allowedOrigins.',
    )
  }
  if (door.hostMustBeLoopback && !namesLoopback(host)) {
    const message = 'The Host header does not name this machine by its loopback address.'
    return refuse(403, 'host-refused', message, 'Connect to localhost, 127.0.0.1 or [::1].')
  }
  if ((url ?? '').split('?', 1)[0] !== '/') {
    return refuse(404, 'path-not-found', 'The WebSocket is at the path /.', 'Connect to ws://HOST:PORT/')
  }
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map(entry => entry.trim())
  if (!offered.includes(SUBPROTOCOL)) {
    const message = `The subprotocol ${SUBPROTOCOL} was not offered.`
    return refuse(400, 'subprotocol-missing', message, `Send Sec-WebSocket-Protocol: ${SUBPROTOCOL}`)
  }
  if (door.accessToken === null) return { admitted: true, authenticated: true }
  const presented = presentedToken(headers.authorization, offered)
  if (presented === null) return { admitted: true, authenticated: false }
  if (tokensEqual(presented, door.accessToken)) return { admitted: true, authenticated: true }
  const hint = 'Use the content of the token file (listen.tcp.tokenFile).'
  return refuse(401, 'unauthenticated', 'The access token is wrong.', hint)
}

/** Compares in a time that does not depend on where the two differ. */
export function tokensEqual(presented: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(presented), digest(expected))
}

function refuse(status: number, code: string, message: string, hint: string): Judgement {
  return { admitted: false, status, code, message, hint }
}

function originAllowed(origin: string, allowed: readonly string[]): boolean {
  return origin !== 'null' && allowed.includes(origin)
}

function namesLoopback(host: string | undefined): boolean {
  const name = /^(\[[^\]]*\]|[^:]*)(:\d{1,5})?$/.exec(host ?? '')?.[1]?.toLowerCase()
  return name === 'localhost' || name === '127.0.0.1' || name === '[::1]'
}

function presentedToken(authorization: string | undefined, offered: readonly string[]): string | null {
  if (authorization !== undefined) return /^Bearer +(\S+) *$/i.exec(authorization)?.[1] ?? ''
  const entry = offered.find(protocol => protocol.startsWith(TOKEN_SUBPROTOCOL_PREFIX))
  return entry === undefined ? null : entry.slice(TOKEN_SUBPROTOCOL_PREFIX.length)
}
