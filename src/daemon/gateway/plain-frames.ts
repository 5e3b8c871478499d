import { isUtf8 } from 'node:buffer'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { LeanSocket } from './lean-socket.ts'

/** The first byte of a frame (RFC 6455, section 5.2) that is all of its message. */
const TEXT = 0x81
const PING = 0x89
const PONG = 0x8a

const MASKED = 0x80
const LENGTH = 0x7f
const LONGEST_CONTROL = 125
const LENGTH_IN_16_BITS = 126
const LENGTH_IN_64_BITS = 127
const MASK_BYTES = 4
/** Of the shortest frame: two bytes and the mask. */
const SHORTEST = 6

type OnText = (text: string, bytes: number) => void

const NOT_WHOLE = -1
const NOT_PLAIN = -2

/**
 * Reads the frames that nearly all are, past `ws`: whole messages of text, of less than 64 KiB. That saves a third of what
 * it takes to read a request. Pings and pongs are handed to `ws` one by one; with the first frame of any other kind `ws`
 * reads the connection from then on, as if this had never been. So whatever is unusual, wrong or hostile is judged by
 * `ws` alone.
 *
 * @param maxBytes of a message; a longer one is left to `ws`, which refuses it by its own bound
 * @param onText is told each message that was read here, with its length in bytes; the others come as events of `ws`, in
 * their order
 */
export function readPlainFrames(ws: WebSocket, socket: Duplex, maxBytes: number, onText: OnText): void {
  const [toWs] = socket.listeners('data') as ((chunk: Buffer) => void)[]
  if (toWs === undefined) throw new Error('`ws` does not listen to its socket.')
  const reader = new PlainFrames(ws, socket, toWs, maxBytes, onText)
  reader.begin()
}

class PlainFrames {
  readonly #ws: WebSocket
  readonly #socket: Duplex
  readonly #toWs: (chunk: Buffer) => void
  readonly #maxBytes: number
  readonly #onText: OnText
  /** The beginning of a frame, at the end of what was read. */
  #rest: Buffer | null = null

  constructor(
    ws: WebSocket,
    socket: Duplex,
    toWs: (chunk: Buffer) => void,
    maxBytes: number,
    onText: OnText,
  ) {
    this.#ws = ws
    this.#socket = socket
    this.#toWs = toWs
    this.#maxBytes = maxBytes
    this.#onText = onText
  }

  begin(): void {
    if (this.#socket instanceof LeanSocket) this.#socket.readsTo(this.#read)
    else this.#socket.on('data', this.#readChunk)
    this.#socket.off('data', this.#toWs)
  }

  readonly #readChunk = (chunk: Buffer): void => this.#read(chunk, chunk.length)

  /** Reads what is before `size`. The memory may be another's afterwards: what is kept of it is copied. */
  readonly #read = (memory: Buffer, size: number): void => {
    const rest = this.#rest
    if (rest === null) {
      this.#readFrames(memory, size, false)
      return
    }
    this.#rest = null
    const bytes = Buffer.concat([rest, memory.subarray(0, size)])
    this.#readFrames(bytes, bytes.length, true)
  }

  /** @param hasWaited the first frame was not whole before */
  #readFrames(bytes: Buffer, size: number, hasWaited: boolean): void {
    let at = 0
    while (at < size) {
      const end = this.#frame(bytes, at, size)
      // A frame that comes in many pieces would be copied as many times.
      if (end === NOT_PLAIN || (end === NOT_WHOLE && at === 0 && hasWaited)) {
        this.#leave(Buffer.from(bytes.subarray(at, size)))
        return
      }
      if (end === NOT_WHOLE) {
        this.#rest = Buffer.from(bytes.subarray(at, size))
        return
      }
      at = end
    }
  }

  /** Reads one frame and gives its end, or why it was not read. */
  #frame(bytes: Buffer, at: number, size: number): number {
    if (this.#ws.readyState !== this.#ws.OPEN) return NOT_PLAIN
    const kind = bytes[at]!
    if (kind !== TEXT && kind !== PING && kind !== PONG) return NOT_PLAIN
    const second = at + 1 < size ? bytes[at + 1]! : MASKED
    if ((second & MASKED) === 0) return NOT_PLAIN
    let length = second & LENGTH
    // What `ws` can judge by two bytes it is given at once: the answer comes as early as its own would.
    if (kind !== TEXT && length > LONGEST_CONTROL) return NOT_PLAIN
    if (size - at < SHORTEST) return NOT_WHOLE
    if (kind !== TEXT) return this.#control(bytes, at, size, length)
    let start = at + SHORTEST
    if (length === LENGTH_IN_64_BITS) return NOT_PLAIN
    if (length === LENGTH_IN_16_BITS) {
      start += 2
      if (start > size) return NOT_WHOLE
      length = bytes.readUInt16BE(at + 2)
    }
    if (length > this.#maxBytes) return NOT_PLAIN
    const end = start + length
    if (end > size) return NOT_WHOLE
    if (mask(bytes, start, end)) this.#onText(bytes.toString('latin1', start, end), length)
    else if (isUtf8(bytes.subarray(start, end))) this.#onText(bytes.toString('utf8', start, end), length)
    else {
      // It is put on again, for `ws` to find what is wrong.
      mask(bytes, start, end)
      return NOT_PLAIN
    }
    return end
  }

  /** A ping or pong goes to `ws` alone, which is between two messages before and after it. */
  #control(bytes: Buffer, at: number, size: number, length: number): number {
    const end = at + SHORTEST + length
    if (end > size) return NOT_WHOLE
    this.#toWs.call(this.#socket, Buffer.from(bytes.subarray(at, end)))
    return end
  }

  /** From here on `ws` reads, which is between two messages. */
  #leave(rest: Buffer): void {
    this.#socket.on('data', this.#toWs)
    if (this.#socket instanceof LeanSocket) this.#socket.readsTo(null)
    else this.#socket.off('data', this.#readChunk)
    this.#toWs.call(this.#socket, rest)
  }
}

/** Takes the mask before `start` off what is between `start` and `end`, or puts it on. True where all of it is ASCII now. */
function mask(bytes: Buffer, start: number, end: number): boolean {
  const first = bytes[start - MASK_BYTES]!
  const second = bytes[start - MASK_BYTES + 1]!
  const third = bytes[start - MASK_BYTES + 2]!
  const fourth = bytes[start - MASK_BYTES + 3]!
  let all = 0
  let at = start
  for (; at + 3 < end; at += MASK_BYTES) {
    const a = bytes[at]! ^ first
    const b = bytes[at + 1]! ^ second
    const c = bytes[at + 2]! ^ third
    const d = bytes[at + 3]! ^ fourth
    bytes[at] = a
    bytes[at + 1] = b
    bytes[at + 2] = c
    bytes[at + 3] = d
    all |= a | b | c | d
  }
  for (let offset = 0; at < end; at++, offset++) {
    const byte = bytes[at]! ^ bytes[start - MASK_BYTES + offset]!
    bytes[at] = byte
    all |= byte
  }
  return all < 0x80
}
