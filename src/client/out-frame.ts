import { randomFillSync } from 'node:crypto'
import type { Writable } from 'node:stream'

const CAPACITY = 64 * 1024
/** The payload begins here; before it are the mask, and before that as much of a header as is needed. */
const PAYLOAD_AT = 16
const MASK_AT = 12
const WORD_BYTES = 4
/** No character of a JavaScript string needs more bytes in UTF-8. */
const MAX_BYTES_PER_UNIT = 3

const TEXT = 0x81
const MASKED = 0x80
const LENGTH_IN_16_BITS = 126
const LENGTH_IN_64_BITS = 127

/**
 * Where masked text frames (RFC 6455, section 5.2) are put together, each of them one write. `ws` takes three
 * buffers and two writes for that.
 *
 * The memory is used again for the next frame, unless the kernel did not take all of this one at once. What can only
 * wait is copied: it would keep all of the memory.
 */
export class OutFrame {
  #bytes = Buffer.allocUnsafeSlow(CAPACITY)
  #words = wordsOf(this.#bytes)
  readonly #masks = new Uint32Array(1024)
  #nextMask = this.#masks.length

  sendTo(socket: Writable, text: string): void {
    const most = PAYLOAD_AT + text.length * MAX_BYTES_PER_UNIT
    if (most > this.#bytes.length) this.#renew(most)
    const length = this.#bytes.write(text, PAYLOAD_AT, 'utf8')
    this.#mask(length)
    const start = this.#writeHeader(length)
    const frame = this.#bytes.subarray(start, PAYLOAD_AT + length)
    const waits = socket.writableLength > 0
    socket.write(waits ? new Uint8Array(frame) : frame)
    if ((!waits && socket.writableLength > 0) || this.#bytes.length > CAPACITY) this.#renew(CAPACITY)
  }

  /** Four bytes at a time. It may reach beyond the payload, where nothing is sent from. */
  #mask(length: number): void {
    const words = this.#words
    const mask = this.#randomMask()
    const end = Math.ceil((PAYLOAD_AT + length) / WORD_BYTES)
    words[MASK_AT / WORD_BYTES] = mask
    for (let index = PAYLOAD_AT / WORD_BYTES; index < end; index++) words[index] = words[index]! ^ mask
  }

  /** A mask must not be predictable (RFC 6455, section 5.3). */
  #randomMask(): number {
    if (this.#nextMask === this.#masks.length) {
      randomFillSync(this.#masks)
      this.#nextMask = 0
    }
    return this.#masks[this.#nextMask++]!
  }

  /** Gives where the frame begins. */
  #writeHeader(length: number): number {
    const bytes = this.#bytes
    if (length < LENGTH_IN_16_BITS) {
      bytes[MASK_AT - 2] = TEXT
      bytes[MASK_AT - 1] = MASKED | length
      return MASK_AT - 2
    }
    if (length < 65536) {
      bytes[MASK_AT - 4] = TEXT
      bytes[MASK_AT - 3] = MASKED | LENGTH_IN_16_BITS
      bytes.writeUInt16BE(length, MASK_AT - 2)
      return MASK_AT - 4
    }
    bytes[MASK_AT - 10] = TEXT
    bytes[MASK_AT - 9] = MASKED | LENGTH_IN_64_BITS
    bytes.writeUInt32BE(0, MASK_AT - 8)
    bytes.writeUInt32BE(length, MASK_AT - 4)
    return MASK_AT - 10
  }

  #renew(capacity: number): void {
    this.#bytes = Buffer.allocUnsafeSlow(Math.ceil(capacity / WORD_BYTES) * WORD_BYTES)
    this.#words = wordsOf(this.#bytes)
  }
}

function wordsOf(bytes: Buffer): Uint32Array {
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / WORD_BYTES)
}
