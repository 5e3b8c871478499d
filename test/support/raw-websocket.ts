import { randomBytes } from 'node:crypto'

/** Opcodes of RFC 6455, section 11.8. */
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

export interface Frame {
  readonly final: boolean
  readonly opcode: number
  readonly payload: Buffer
}

/** One masked frame, as clients send them (RFC 6455, section 5.2). */
export function encodeFrame(
  opcode: number,
  payload: Buffer | string,
  final = true,
  mask: Buffer = randomBytes(4),
): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
  const header = frameHeader((final ? 0x80 : 0) | opcode, bytes.length)
  const masked = Buffer.allocUnsafe(bytes.length)
  for (let index = 0; index < bytes.length; index++) masked[index] = bytes[index]! ^ mask[index & 3]!
  return Buffer.concat([header, mask, masked])
}

function frameHeader(first: number, length: number): Buffer {
  if (length < 126) return Buffer.from([first, 0x80 | length])
  if (length < 65_536) return Buffer.from([first, 0x80 | 126, length >> 8, length & 255])
  const header = Buffer.alloc(10)
  header[0] = first
  header[1] = 0x80 | 127
  header.writeBigUInt64BE(BigInt(length), 2)
  return header
}

export function encodeClose(code: number, reason = ''): Buffer {
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason))
  payload.writeUInt16BE(code)
  payload.write(reason, 2)
  return encodeFrame(OPCODE.close, payload)
}

/** Takes the bytes of a server apart. Whatever a server must not send is thrown as an error. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0)
  #closed = false

  /** The frames that are whole after this chunk. */
  push(chunk: Buffer): Frame[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const frames: Frame[] = []
    for (let frame = this.#next(); frame !== null; frame = this.#next()) {
      if (this.#closed) throw new Error('The server sent a frame after its close frame.')
      this.#closed = frame.opcode === OPCODE.close
      frames.push(frame)
    }
    return frames
  }

  #next(): Frame | null {
    const bytes = this.#rest
    if (bytes.length < 2) return null
    if ((bytes[0]! & 0x70) !== 0) throw new Error('The server set a reserved bit.')
    if ((bytes[1]! & 0x80) !== 0) throw new Error('The server masked a frame.')
    const short = bytes[1]! & 0x7f
    const header = short < 126 ? 2 : short === 126 ? 4 : 10
    if (bytes.length < header) return null
    const length =
      short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
    if (bytes.length < header + length) return null
    this.#rest = bytes.subarray(header + length)
    const payload = bytes.subarray(header, header + length)
    return { final: (bytes[0]! & 0x80) !== 0, opcode: bytes[0]! & 0x0f, payload }
  }
}
