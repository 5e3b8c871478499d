import { createHash } from 'node:crypto'
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

function hashOf(previous: string, body: string): string {
  return createHash('sha256').update(`${previous}\n${body}`).digest('base64url')
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
  const body = JSON.parse(row.body) as Omit<LedgerEvent, 'at'> & { sequence: number; at: string }
  if (body.stream !== row.stream || body.sequence !== row.sequence) {
    return fail(`event ${row.sequence} belongs to another place: ${body.stream} ${body.sequence}`)
  }
  const { sequence: _, at, ...rest } = body
  const event = { ...rest, at: Date.parse(at) } as LedgerEvent
  return { ok: true, event, head: { sequence: row.sequence, hash: row.hash } }
}
