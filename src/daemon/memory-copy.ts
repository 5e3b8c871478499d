import { readFileSync } from 'node:fs'

/** https://www.sqlite.org/fileformat2.html#the_database_header: how the file is written and read. */
const FORMAT_AT = 18
const FORMAT_WITHOUT_LOG = 1
const MIN_DATABASE_BYTES = 512

/** https://www.sqlite.org/fileformat2.html#walformat */
const LOG_HEADER_BYTES = 32
const FRAME_HEADER_BYTES = 24
const LITTLE_ENDIAN_LOG = 0x377f0682
const BIG_ENDIAN_LOG = 0x377f0683

/**
 * What the SQLite database at `path` holds, with what is committed in its write-ahead log, as bytes that SQLite can open
 * in memory. On a disk that cannot be written SQLite does not open such a database at all. Null where there is none;
 * throws what the file system says. Nobody may write it meanwhile.
 */
export function readIntoMemory(path: string): Buffer | null {
  const main = readOrNull(path)
  const log = readOrNull(`${path}-wal`)
  if (main === null) return null
  const whole = log === null ? main : applyLog(main, log)
  if (whole.length < MIN_DATABASE_BYTES) return null
  whole.fill(FORMAT_WITHOUT_LOG, FORMAT_AT, FORMAT_AT + 2)
  return whole
}

function readOrNull(path: string): Buffer | null {
  try {
    return readFileSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** Lays the pages of all whole transactions of the log over those of the database. */
function applyLog(main: Buffer, log: Buffer): Buffer {
  if (log.length < LOG_HEADER_BYTES) return main
  const magic = log.readUInt32BE(0)
  if (magic !== LITTLE_ENDIAN_LOG && magic !== BIG_ENDIAN_LOG) return main
  const sum = new Checksum(magic === LITTLE_ENDIAN_LOG)
  sum.add(log.subarray(0, FRAME_HEADER_BYTES))
  if (!sum.is(log, FRAME_HEADER_BYTES)) return main

  const pageBytes = log.readUInt32BE(8)
  const salt = log.subarray(16, 24)
  const pages = new Map<number, Buffer>()
  let uncommitted: [number, Buffer][] = []
  let pageCount = 0
  const frameBytes = FRAME_HEADER_BYTES + pageBytes
  for (let at = LOG_HEADER_BYTES; at + frameBytes <= log.length; at += frameBytes) {
    const header = log.subarray(at, at + FRAME_HEADER_BYTES)
    const page = log.subarray(at + FRAME_HEADER_BYTES, at + frameBytes)
    sum.add(header.subarray(0, 8))
    sum.add(page)
    // Behind the last frame lie those of an earlier round.
    if (!header.subarray(8, 16).equals(salt) || !sum.is(header, 16)) break
    uncommitted.push([header.readUInt32BE(0), page])
    const pagesAfterCommit = header.readUInt32BE(4)
    if (pagesAfterCommit === 0) continue
    for (const [number, content] of uncommitted) pages.set(number, content)
    uncommitted = []
    pageCount = pagesAfterCommit
  }
  if (pageCount === 0) return main
  const whole = Buffer.alloc(pageCount * pageBytes)
  main.copy(whole)
  for (const [number, content] of pages) content.copy(whole, (number - 1) * pageBytes)
  return whole
}

/** The running checksum of a log: two sums over pairs of 32-bit words. */
class Checksum {
  readonly #isLittleEndian: boolean
  #first = 0
  #second = 0

  constructor(isLittleEndian: boolean) {
    this.#isLittleEndian = isLittleEndian
  }

  add(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += 8) {
      this.#first = (this.#first + this.#word(bytes, at) + this.#second) >>> 0
      this.#second = (this.#second + this.#word(bytes, at + 4) + this.#first) >>> 0
    }
  }

  is(bytes: Buffer, at: number): boolean {
    return bytes.readUInt32BE(at) === this.#first && bytes.readUInt32BE(at + 4) === this.#second
  }

  #word(bytes: Buffer, at: number): number {
    return this.#isLittleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at)
  }
}
