import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { CLOSE } from '../../protocol/codes.ts'
import { encodeGranted, encodeResult, type RequestId } from '../../protocol/messages.ts'
import type { Topic } from '../../protocol/schemas.ts'
import type { Application } from '../../session/applications.ts'
import type { Client } from '../../session/client-table.ts'
import type { OutBuffer } from './out-buffer.ts'

/** How long a slow reader, of whom nothing more is heard, may still read what waits for it. */
const READ_ON_MS = 2000

/** A granted acquire. Its reply is made when the turn was committed: what it says depends on the journal. */
export interface GrantReply {
  readonly id: RequestId
  readonly repeated: boolean
  readonly token: string
  readonly application: string
  readonly key: string
  /** Monotonic milliseconds, of a session that was granted before; see `UnsealedSession`. */
  readonly grantedAt?: number
  readonly inUse: number
  readonly limit: number
}

/** A resume that adopted sessions. Their new tokens are made as those of grants are, and for the same reason. */
export interface AdoptionReply {
  readonly id: RequestId
  readonly resumed: number
  readonly unknown: readonly string[]
  /** The token that was shown, and the session with its new one. */
  readonly adopted: readonly (readonly [shown: string, session: UnsealedSession])[]
}

export type LateReply = GrantReply | AdoptionReply

/** The reply to one request: ready text, or one that is made late. Null where none is due. */
export type Reply = string | LateReply | null

/** A frame that waits for the end of the turn; an array is the reply to a batch. */
export type PendingFrame = string | LateReply | (string | LateReply)[]

export interface UnsealedSession {
  readonly token: string
  readonly application: string
  readonly key: string
  /** Monotonic milliseconds. Default: now. */
  readonly grantedAt?: number
}

/** Turns the token of a session into the one that is sent; see session/signed-token.ts. */
export type TokenSealer = (session: UnsealedSession) => string

/**
 * One WebSocket. It knows who speaks over it and what it must still say in this turn.
 * States: `open` (requests are carried out) and `closed` (whatever still arrives is ignored).
 */
export class Connection {
  readonly ws: WebSocket
  /** The socket below the WebSocket, for one write of many frames. */
  readonly socket: Duplex
  readonly local: boolean
  /** Whether it came by the operators' socket. */
  readonly isOperator: boolean
  authenticated: boolean
  /** Whom it speaks for, from its first request on. */
  client: Client | null = null
  /** See `Client.attachment`. */
  attachment = 0
  /** Where sessions are counted whose acquire names no application. */
  application: Application | null = null
  readonly topics = new Set<Topic>()
  open = true
  /** Whether the peer was heard of since the last ping. */
  alive = true
  authenticationTimer: NodeJS.Timeout | null = null
  readonly #seal: TokenSealer
  readonly #pending: PendingFrame[] = []

  constructor(
    ws: WebSocket,
    socket: Duplex,
    settings: { local: boolean; isOperator: boolean; authenticated: boolean; seal: TokenSealer },
  ) {
    this.ws = ws
    this.socket = socket
    this.local = settings.local
    this.isOperator = settings.isOperator
    this.authenticated = settings.authenticated
    this.#seal = settings.seal
  }

  /** Adds a frame to be sent at the end of the turn. True where it is the first. */
  say(frame: PendingFrame): boolean {
    return this.#pending.push(frame) === 1
  }

  addFrames(out: OutBuffer): void {
    for (const frame of this.#pending) {
      // Once a close frame is on its way, in either direction, no frame may follow (RFC 6455, section 5.5.1).
      if (!this.open || this.ws.readyState !== this.ws.OPEN) break
      if (typeof frame === 'string') out.addTextFrame(frame)
      else if (Array.isArray(frame)) out.addTextFrame(`[${frame.map(reply => this.#text(reply)).join(',')}]`)
      else out.addTextFrame(this.#text(frame))
    }
    this.#pending.length = 0
  }

  close(cause: keyof typeof CLOSE): void {
    this.shut(CLOSE[cause], cause)
  }

  /** Ends the connection. A peer that does not answer the close frame is cut off by `ws` after 30 s. */
  shut(code: number, reason: string): void {
    if (!this.open) return
    this.open = false
    this.ws.close(code, reason)
    if (code === CLOSE['ping-timeout']) this.ws.terminate()
    // The close frame stands behind all that waits to be read. Who reads on finds it; the memory is not kept for long.
    if (code === CLOSE['slow-reader']) setTimeout(() => this.ws.terminate(), READ_ON_MS).unref()
  }

  #text(reply: string | LateReply): string {
    if (typeof reply === 'string') return reply
    if ('adopted' in reply) {
      const { id, resumed, unknown, adopted } = reply
      const replaced = Object.fromEntries(adopted.map(([shown, session]) => [shown, this.#seal(session)]))
      return encodeResult(id, { resumed, unknown, replaced })
    }
    return encodeGranted(reply.id, reply.repeated, this.#seal(reply), reply.inUse, reply.limit)
  }
}
