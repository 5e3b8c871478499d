import { crcOf } from './crc.ts'

/**
 * How the file is made up. It begins with a line of text that names its format. Then come blocks, each of them what
 * one turn changed: a header of three numbers of 32 bits (bytes of the payload; CRC-32 of the payload; CRC-32 of the
 * two before) and the payload, records one after the other. All numbers are little-endian.
 *
 * | record | after the byte of its kind |
 * |---|---|
 * | origin | text: JSON of boot, instanceId, era |
 * | client put | text: JSON of a `ClientRecord` |
 * | client removed | index (4) |
 * | session put | slot (4), client (4), granted at (double), nonces (6 + 6), application, key (texts of a 2-byte length) |
 * | session removed | slot (4) |
 *
 * A text is its length in bytes (4) and UTF-8. The last origin holds: each run that goes on with a file adds its own.
 */
export const RECORD = { origin: 1, clientPut: 2, clientRemoved: 3, sessionPut: 4, sessionRemoved: 5 } as const

const FORMAT = 'sessiond journal'
/** Raised whenever blocks or records change; a file of a newer version is set aside, never read or overwritten. */
export const FORMAT_VERSION = 1

export const firstLine = Buffer.from(`${FORMAT} ${FORMAT_VERSION}\n`)

/** The version that the first line names; null where it is none of a journal. */
export function versionOf(bytes: Buffer): number | null {
  const line = bytes.toString('latin1', 0, Math.min(bytes.length, FORMAT.length + 12))
  const match = /^sessiond journal (\d{1,9})\n/.exec(line)
  return match === null ? null : Number(match[1])
}

export const HEADER_BYTES = 12
const CHECKED_BYTES = 8

export function writeHeader(block: Buffer): void {
  block.writeUInt32LE(block.length - HEADER_BYTES, 0)
  block.writeUInt32LE(crcOf(block, HEADER_BYTES, block.length), 4)
  block.writeUInt32LE(crcOf(block, 0, CHECKED_BYTES), CHECKED_BYTES)
}

/** What is at that place: a block, the beginning of one at which the writer was killed, or damage. */
export type Found =
  | { readonly is: 'block'; readonly start: number; readonly end: number }
  | { readonly is: 'torn' }
  | { readonly is: 'damage'; readonly resumeAt: number }

export function blockAt(bytes: Buffer, at: number): Found {
  if (at + HEADER_BYTES > bytes.length) return { is: 'torn' }
  if (!hasGoodHeader(bytes, at)) return { is: 'damage', resumeAt: nextHeader(bytes, at + 1) }
  const start = at + HEADER_BYTES
  const end = start + bytes.readUInt32LE(at)
  if (end > bytes.length) return { is: 'torn' }
  if (crcOf(bytes, start, end) !== bytes.readUInt32LE(at + 4)) return { is: 'damage', resumeAt: end }
  return { is: 'block', start, end }
}

function hasGoodHeader(bytes: Buffer, at: number): boolean {
  return crcOf(bytes, at, at + CHECKED_BYTES) === bytes.readUInt32LE(at + CHECKED_BYTES)
}

/** The first place from `at` on where a whole block may begin again; the end where there is none. */
function nextHeader(bytes: Buffer, at: number): number {
  for (let place = at; place + HEADER_BYTES <= bytes.length; place++) {
    // Most places are told from a header by the length that would stand there.
    if (place + HEADER_BYTES + bytes.readUInt32LE(place) <= bytes.length && hasGoodHeader(bytes, place))
      return place
  }
  return bytes.length
}
