import type { Writable } from 'node:stream'
import { LeanSocket } from './lean-socket.ts'

const CAPACITY = 64 * 1024
/** A turn that needed more gives its memory back: one giant reply must not weigh on the daemon for ever. */
const MAX_KEPT = 1024 * 1024
const LONGEST_HEADER = 10
/** No character of a JavaScript string needs more bytes in UTF-8. */
const MAX_BYTES_PER_UNIT = 3

/**
 * Where the frames of one turn are put together, so that each connection gets one write a turn. In a `ws`
 * server the write for each message is what costs most.
 *
 * The memory is used again in the next turn, unless the kernel did not take all of it at once. What can only wait is
 * copied: a few bytes of each turn for one who does not read would keep the memory of all those turns.
 */
export class OutBuffer {
  #bytes: Buffer = Buffer.allocUnsafeSlow(CAPACITY)
  #start = 0
  #end = 0
  #pinned = false

  /** Adds one unmasked text frame (RFC 6455, section 5.2). */
  addTextFrame(payload: string): void {
    this.#reserve(payload.length * MAX_BYTES_PER_UNIT + LONGEST_HEADER)
    const header = headerLength(payload.length)
    const written = this.#bytes.write(payload, this.#end + header, 'utf8')
    const exact = headerLength(written)
    // Text beyond ASCII is longer in bytes, and may need a longer header than was left free.
    if (exact !== header)
      this.#bytes.copyWithin(this.#end + exact, this.#end + header, this.#end + header + written)
    this.#writeHeader(exact, written)
    this.#end += exact + written
  }

  /** Writes what was added since the last call to the socket, in one piece. */
  sendTo(socket: Writable): void {
    if (this.#end === this.#start) return
    const isLean = socket instanceof LeanSocket
    const unsent = this.#start + (isLean ? socket.writeNow(this.#bytes, this.#start, this.#end) : 0)
    this.#start = this.#end
    if (unsent === this.#end) return
    const rest = this.#bytes.subarray(unsent, this.#end)
    const waits = isLean || socket.writableLength > 0
    socket.write(waits ? new Uint8Array(rest) : rest)
    if (!waits && socket.writableLength > 0) this.#pinned = true
  }

  /** The turn is over. */
  rewind(): void {
    if (this.#pinned || this.#bytes.length > MAX_KEPT) this.#bytes = Buffer.allocUnsafeSlow(CAPACITY)
    this.#pinned = false
    this.#start = 0
    this.#end = 0
  }

  #writeHeader(header: number, length: number): void {
    const bytes = this.#bytes
    const at = this.#end
    bytes[at] = 0x81
    if (header === 2) bytes[at + 1] = length
    else if (header === 4) {
      bytes[at + 1] = 126
      bytes.writeUInt16BE(length, at + 2)
    } else {
      bytes[at + 1] = 127
      bytes.writeUInt32BE(0, at + 2)
      bytes.writeUInt32BE(length, at + 6)
    }
  }

  #reserve(needed: number): void {
    if (this.#end + needed <= this.#bytes.length) return
    const unsent = this.#bytes.subarray(this.#start, this.#end)
    const larger = Buffer.allocUnsafeSlow(Math.max(CAPACITY, (unsent.length + needed) * 2))
    unsent.copy(larger)
    this.#bytes = larger
    this.#pinned = false
    this.#end = unsent.length
    this.#start = 0
  }
}

function headerLength(payloadLength: number): number {
  if (payloadLength < 126) return 2
  return payloadLength < 65536 ? 4 : 10
}
