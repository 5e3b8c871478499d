import { Fault } from '../../errors.ts'
import type { ClientRecord } from '../../session/client-table.ts'
import type { SessionRecord } from '../../session/records.ts'
import { blockAt, FORMAT_VERSION, firstLine, RECORD, versionOf } from './block.ts'

/** The run of the daemon that writes the file, and how often it had to write all of it anew. */
export interface JournalStamp {
  readonly instanceId: string
  readonly era: number
}

/** What a journal says of itself in its first record. */
export interface JournalOrigin extends JournalStamp {
  readonly boot: string
}

/** What a journal file held when it was read. */
export interface JournalContent {
  readonly clients: readonly ClientRecord[]
  /** One for each slot. They are made as they are asked for: of a hundred thousand, none is kept. */
  readonly sessions: Iterable<SessionRecord>
  /** Why not all of the file could be read, or null. */
  readonly flaw: string | null
  /** Who wrote it; null where it does not say. */
  readonly stamp: JournalStamp | null
}

export const EMPTY_CONTENT: JournalContent = { clients: [], sessions: [], flaw: null, stamp: null }

const MAX_INDEX = 2 ** 24
const NONCES_BYTES = 12

/**
 * What the journal holds of this boot, as far as it can be read: a damaged block is passed over. What was begun when
 * the writer was killed was never acknowledged, and is no flaw. Faults: `journal-unreadable` where it is no journal,
 * `journal-too-new`.
 */
export function readJournal(bytes: Buffer, bootId: string): JournalContent {
  const version = versionOf(bytes)
  if (version === null) throw new Fault('journal-unreadable', 'it is no journal of sessions')
  if (version > FORMAT_VERSION) {
    throw new Fault('journal-too-new', `its format is ${version}, this program knows ${FORMAT_VERSION}`)
  }
  const replay = new Replay(bytes)
  let flaw: string | null = null
  for (let at = firstLine.length; at < bytes.length; ) {
    const found = blockAt(bytes, at)
    if (found.is === 'torn') break
    if (found.is === 'damage') {
      flaw ??= `it is damaged at byte ${at}`
      at = found.resumeAt
      continue
    }
    if (!replay.block(found.start, found.end)) flaw ??= `a record of the block at byte ${at} is malformed`
    at = found.end
  }
  if (replay.origin === null) return { ...EMPTY_CONTENT, flaw: flaw ?? 'it does not say who wrote it' }
  const { boot, ...stamp } = replay.origin
  if (boot !== bootId) return EMPTY_CONTENT
  return { clients: [...replay.clients], sessions: replay, flaw, stamp }
}

/** Carries out the records one by one: the last word on a client or a slot holds. */
class Replay implements Iterable<SessionRecord> {
  origin: JournalOrigin | null = null
  readonly #cursor: Cursor
  readonly #clients = new Map<number, ClientRecord>()
  /** Where the record of a slot is. */
  readonly #sessions = new Map<number, number>()

  constructor(bytes: Buffer) {
    this.#cursor = new Cursor(bytes)
  }

  get clients(): Iterable<ClientRecord> {
    return this.#clients.values()
  }

  *[Symbol.iterator](): Iterator<SessionRecord> {
    const cursor = this.#cursor
    // Names of applications are few: one string for each.
    const names = new Map<string, string>()
    for (const at of this.#sessions.values()) {
      cursor.go(at)
      const slot = cursor.number()
      const client = cursor.number()
      const grantedAt = cursor.double()
      const nonceHigh = cursor.nonce()
      const nonceLow = cursor.nonce()
      const read = cursor.text(cursor.short())
      const application = names.get(read) ?? read
      if (application === read) names.set(read, read)
      const key = cursor.text(cursor.short())
      yield { slot, client, application, key, nonceHigh, nonceLow, grantedAt }
    }
  }

  /** False where a record is none; the rest of its block is left out. */
  block(start: number, end: number): boolean {
    const cursor = this.#cursor
    cursor.go(start, end)
    try {
      while (cursor.at < end) if (!this.#record(cursor)) return false
      return true
    } catch (error) {
      // Past the end of the block, or no JSON.
      if (error instanceof RangeError || error instanceof SyntaxError) return false
      throw error
    }
  }

  #record(cursor: Cursor): boolean {
    switch (cursor.byte()) {
      case RECORD.origin:
        this.origin = readOrigin(cursor.json())
        return this.origin !== null
      case RECORD.clientPut:
        return this.#putClient(readClient(cursor.json()))
      case RECORD.clientRemoved:
        this.#clients.delete(cursor.number())
        return true
      case RECORD.sessionPut:
        return this.#putSession(cursor)
      case RECORD.sessionRemoved:
        this.#sessions.delete(cursor.number())
        return true
      default:
        return false
    }
  }

  #putClient(client: ClientRecord | null): boolean {
    if (client !== null) this.#clients.set(client.index, client)
    return client !== null
  }

  #putSession(cursor: Cursor): boolean {
    const { at } = cursor
    const slot = cursor.number()
    const client = cursor.number()
    if (slot >= MAX_INDEX || client >= MAX_INDEX || !Number.isFinite(cursor.double())) return false
    cursor.pass(NONCES_BYTES)
    cursor.pass(cursor.short())
    cursor.pass(cursor.short())
    this.#sessions.set(slot, at)
    return true
  }
}

/** Reads from front to back. Throws a RangeError past the end that it was given. */
class Cursor {
  readonly #bytes: Buffer
  #at = 0
  #end = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get at(): number {
    return this.#at
  }

  go(at: number, end = this.#bytes.length): void {
    this.#at = at
    this.#end = end
  }

  pass(length: number): number {
    const start = this.#at
    this.#at += length
    if (this.#at > this.#end) throw new RangeError('A record is longer than its block.')
    return start
  }

  byte(): number {
    return this.#bytes.readUInt8(this.pass(1))
  }

  short(): number {
    return this.#bytes.readUInt16LE(this.pass(2))
  }

  number(): number {
    return this.#bytes.readUInt32LE(this.pass(4))
  }

  nonce(): number {
    return this.#bytes.readUIntLE(this.pass(6), 6)
  }

  double(): number {
    return this.#bytes.readDoubleLE(this.pass(8))
  }

  text(length: number): string {
    const start = this.pass(length)
    return this.#bytes.toString('utf8', start, this.#at)
  }

  json(): unknown {
    return JSON.parse(this.text(this.number()))
  }
}

type Fields = Record<string, unknown>

function readOrigin(value: unknown): JournalOrigin | null {
  const { boot, instanceId, era } = (value ?? {}) as Fields
  if (typeof boot !== 'string' || typeof instanceId !== 'string' || !Number.isSafeInteger(era)) return null
  return { boot, instanceId, era: era as number }
}

function readClient(value: unknown): ClientRecord | null {
  const { index, identity, label, process } = (value ?? {}) as Fields
  if (!Number.isSafeInteger(index) || (index as number) < 0 || (index as number) >= MAX_INDEX) return null
  if (identity !== null && typeof identity !== 'string') return null
  if (label !== null && typeof label !== 'string') return null
  const { pid, startTime } = (process ?? {}) as Fields
  const isKnown = typeof pid === 'number' && typeof startTime === 'number'
  return { index: index as number, identity, label, process: isKnown ? { pid, startTime } : null }
}
