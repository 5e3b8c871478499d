import { hash } from 'node:crypto'
import type { AuditActor, AuditDraft, AuditEvent } from './event.ts'

/** One row of the audit table. */
export interface AuditRow {
  /** From 1, without gaps. */
  readonly number: number
  /** Wall-clock milliseconds. */
  readonly at: number
  /** The event as JSON text with its number and time: exactly what was hashed. */
  readonly body: string
  /** The hash of the row before. */
  readonly previous: string
  /** SHA-256 over the hash before it and the body, base64url. */
  readonly hash: string
}

/** A place in the chain: the last row, or the last one that was removed. */
export interface ChainHead {
  readonly number: number
  readonly hash: string
}

/** Seals an event as the next row of the chain. */
export function sealEvent(
  draft: AuditDraft & { readonly actor: AuditActor },
  at: number,
  head: ChainHead,
): AuditRow {
  const number = head.number + 1
  const { what, actor, before = null, after = null, detail = null } = draft
  const body = JSON.stringify({ number, at: new Date(at).toISOString(), what, actor, before, after, detail })
  return { number, at, body, previous: head.hash, hash: hashOf(head.hash, body) }
}

export type ChainCheck = { readonly ok: true } | { readonly ok: false; readonly why: string }

/** Whether a row is the one that follows `head`, unchanged. */
export function follows(row: AuditRow, head: ChainHead): ChainCheck {
  const fail = (why: string): ChainCheck => ({ ok: false, why })
  if (row.number !== head.number + 1) {
    return fail(`event ${head.number + 1} is missing: event ${row.number} follows ${head.number}`)
  }
  if (row.previous !== head.hash || row.hash !== hashOf(head.hash, row.body)) {
    return fail(`event ${row.number} was changed, or an event before it was`)
  }
  const { number, at } = JSON.parse(row.body) as { readonly number: number; readonly at: string }
  if (number !== row.number || Date.parse(at) !== row.at) {
    return fail(`event ${row.number} belongs to another place or time: ${number}, ${at}`)
  }
  return { ok: true }
}

/** What a row tells, without a look at its chain. */
export function readEvent({ body, at }: Pick<AuditRow, 'body' | 'at'>): AuditEvent {
  return { ...(JSON.parse(body) as AuditEvent), at }
}

function hashOf(previous: string, body: string): string {
  return hash('sha256', `${previous}\n${body}`, 'base64url')
}
