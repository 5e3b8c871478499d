import { Fault } from '../../errors.ts'
import type { ClientRecord } from '../../session/client-table.ts'
import type { EarlierSessions } from '../../session/records.ts'
import { blockAt, FORMAT_VERSION, firstLine, RECORD, versionOf } from './block.ts'
import { SessionsRead } from './sessions-read.ts'

/** The run of the daemon that writes the file, and how often it had to write all of it anew. */
export interface JournalStamp {
  readonly instanceId: string
  readonly era: number
}

/** What the last run that wrote a journal says of itself. */
export interface JournalOrigin extends JournalStamp {
  readonly boot: string
}

/** What a journal file held when it was read. */
export interface JournalContent {
  readonly clients: readonly ClientRecord[]
  readonly sessions: EarlierSessions
  /** Why not all of the file could be read, or null. */
  readonly flaw: string | null
  /** Who wrote it; null where it does not say. */
  readonly stamp: JournalStamp | null
  /** Where the next run may go on in the file; null where it must make a new one. */
  readonly extent: JournalExtent | null
}

/** How far a file is good, and about how much of it is more than history. */
export interface JournalExtent {
  readonly end: number
  readonly heldBytes: number
}

export const EMPTY_CONTENT: JournalContent = {
  clients: [],
  sessions: { end: 0, each: () => undefined, keyOf: () => '' },
  flaw: null,
  stamp: null,
  extent: null,
}

const MAX_INDEX = 2 ** 24
const NUMBER_BYTES = 5

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
  let at = firstLine.length
  while (at < bytes.length) {
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
  const { sessions } = replay
  const extent =
    flaw === null && version === FORMAT_VERSION ? { end: at, heldBytes: sessions.heldBytes } : null
  sessions.trim()
  return { clients: [...replay.clients.values()], sessions, flaw, stamp, extent }
}

/** Carries out the records one by one: the last word on a client or a slot holds. */
class Replay {
  origin: JournalOrigin | null = null
  readonly clients = new Map<number, ClientRecord>()
  readonly sessions: SessionsRead
  readonly #bytes: Buffer

  constructor(bytes: Buffer) {
    this.#bytes = bytes
    this.sessions = new SessionsRead(bytes)
  }

  /** False where a record is none; the rest of its block is left out. */
  block(start: number, end: number): boolean {
    for (let at = start; at < end; ) {
      const next = this.#bytes[at] === RECORD.sessionPut ? this.sessions.put(at, end) : this.#record(at, end)
      if (next === 0) return false
      at = next
    }
    return true
  }

  /** Gives where the record ends; 0 where it is none. */
  #record(at: number, end: number): number {
    const next = at + NUMBER_BYTES
    if (next > end) return 0
    const kind = this.#bytes[at]
    const number = this.#bytes.readUInt32LE(at + 1)
    if (kind === RECORD.sessionRemoved) this.sessions.remove(number)
    else if (kind === RECORD.clientRemoved) this.clients.delete(number)
    else return next + number <= end && this.#told(kind, next, next + number) ? next + number : 0
    return next
  }

  /** Carries out a record whose text lies there. */
  #told(kind: number | undefined, start: number, end: number): boolean {
    if (kind === RECORD.origin) {
      const origin = readOrigin(this.#json(start, end))
      // One that says nothing takes nothing from the one before.
      this.origin = origin ?? this.origin
      return origin !== null
    }
    const client = kind === RECORD.clientPut ? readClient(this.#json(start, end)) : null
    if (client !== null) this.clients.set(client.index, client)
    return client !== null
  }

  /** Null where the text is none of JSON. */
  #json(start: number, end: number): unknown {
    try {
      return JSON.parse(this.#bytes.toString('utf8', start, end))
    } catch (error) {
      if (error instanceof SyntaxError) return null
      throw error
    }
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
