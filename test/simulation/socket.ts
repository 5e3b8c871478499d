import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { Connection, type TokenSealer } from '../../src/daemon/gateway/connection.ts'
import type { Wire } from './wire.ts'

const OPEN = 1
const CLOSING = 2

/** What of a WebSocket and its socket the gateway's connection uses. */
class SimulatedSocket {
  readonly OPEN = OPEN
  readyState = OPEN
  readonly writableLength = 0
  readonly #wire: Wire
  readonly #write: (texts: string[]) => void

  constructor(wire: Wire, write: (texts: string[]) => void) {
    this.#wire = wire
    this.#write = write
  }

  write(bytes: Uint8Array): boolean {
    this.#write(textFramesOf(Buffer.from(bytes)))
    return true
  }

  close(code: number, reason: string): void {
    this.readyState = CLOSING
    this.#wire.daemonLeaves(code, reason)
  }

  terminate(): void {
    this.#wire.daemonLeaves()
  }
}

/** A connection of the gateway at the daemon's end of a wire. `write` is given the frames of each write. */
export function connectionOver(wire: Wire, write: (texts: string[]) => void, seal: TokenSealer): Connection {
  const socket = new SimulatedSocket(wire, write)
  const settings = { local: true, isOperator: false, authenticated: true, seal }
  return new Connection(socket as unknown as WebSocket, socket as unknown as Duplex, settings)
}

/** The unmasked text frames in what a server wrote (RFC 6455, section 5.2). */
function textFramesOf(bytes: Buffer): string[] {
  const texts: string[] = []
  for (let at = 0; at < bytes.length; ) {
    let length = bytes[at + 1]!
    at += 2
    if (length === 126) {
      length = bytes.readUInt16BE(at)
      at += 2
    } else if (length === 127) {
      length = Number(bytes.readBigUInt64BE(at))
      at += 8
    }
    texts.push(bytes.toString('utf8', at, at + length))
    at += length
  }
  return texts
}
