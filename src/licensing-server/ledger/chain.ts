import { hash } from 'node:crypto'
import type { LedgerEvent } from './events.ts'

/** One row of the event table. */
export interface SealedEvent {
  stream: string
  /** From 1, without gaps in a stream. */
  sequence: number
  /** The event as JSON text, with its stream and sequence: exactly what was hashed. */
  body: string
  /** SHA-256 over the hash before it and the body, base64url. */
  hash: string
}

/** The last link of a stream. */
export interface ChainHead {
  sequence: number
  hash: string
}

/** Where every stream starts. */
export const chainStart: ChainHead = { sequence: 0, hash: '' }

/** Seals an event as the next link of its stream. */
export function sealEvent(event: LedgerEvent, head: ChainHead): SealedEvent {
  const sequence = head.sequence + 1
  const { stream, at, by, type, data } = event
  const body = JSON.stringify({ stream, sequence, at: new Date(at).toISOString(), by, type, data })
  return { stream, sequence, body, hash: hashOf(head.hash, body) }
}

/** Seals events of one stream, one after the other. */
export function sealEvents(events: readonly LedgerEvent[], head: ChainHead): SealedEvent[] {
  const sealed: SealedEvent[] = []
  for (const event of events) sealed.push(sealEvent(event, sealed.at(-1) ?? head))
  return sealed
}

function hashOf(previous: string, body: string): string {
  return hash('sha256', `${previous}\n${body}`, 'base64url')
}

export type OpenedEvent = { ok: true; event: LedgerEvent; head: ChainHead } | { ok: false; why: string }

/** Opens the next row of a stream: it must continue the chain and say what its columns say. */
export function openEvent(row: SealedEvent, head: ChainHead): OpenedEvent {
  const fail = (why: string): OpenedEvent => ({ ok: false, why })
  if (row.sequence !== head.sequence + 1) {
    return fail(`event ${head.sequence + 1} is missing: event ${row.sequence} follows ${head.sequence}`)
  }
  if (row.hash !== hashOf(head.hash, row.body)) {
    return fail(`event ${row.sequence} was changed, or an event before it was`)
  }
  const event = readEvent(row)
  const { stream, sequence } = JSON.parse(row.body) as SealedEvent
  if (stream !== row.stream || sequence !== row.sequence) {
    return fail(`event ${row.sequence} belongs to another place: ${stream} ${sequence}`)
  }
  return { ok: true, event, head: { sequence: row.sequence, hash: row.hash } }
}

/** What a row tells, without a look at its chain. */
export function readEvent({ body }: Pick<SealedEvent, 'body'>): LedgerEvent {
  const {
    sequence: _,
    at,
    ...rest
  } = JSON.parse(body) as Omit<LedgerEvent, 'at'> & {
    sequence: number
    at: string
  }
  return { ...rest, at: Date.parse(at) } as LedgerEvent
}
