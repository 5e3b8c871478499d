import type { License } from '../../license/document.ts'
import { dayMs } from '../../license/instant.ts'

const hourMs = 3_600_000
const minuteMs = 60_000

/** How much of an interval is left to chance, so that a fleet that was set up in one go does not knock at once. */
export const splayShare = 0.2

/** After a start, what is due comes within this time: a fleet whose power returned does not knock at once. */
export const startSplayMs = 10 * minuteMs

/** The first pause after a failure; each further failure doubles it. */
export const firstBackoffMs = minuteMs

/** No pause between failures is longer. */
export const maxBackoffMs = 4 * hourMs

/** No server may send a machine away for longer. */
export const maxRetryAfterMs = dayMs

/** A license that runs out, or that was refused, is asked for at least so often, whatever its interval. */
const urgentIntervalMs = dayMs

/** What happened so far. Instants are milliseconds since the epoch, by the wall clock. */
export interface Past {
  /** Last attempt, whatever came of it. */
  readonly attemptedAt: number | null
  /** Last answer of the server, be it a license or a refusal. */
  readonly answeredAt: number | null
  /** Attempts since the last answer. */
  readonly failures: number
  /** True where the last answer was a refusal. */
  readonly refused: boolean
  /** What the server asked for in `Retry-After`, counted from the last attempt; else 0. */
  readonly retryAfterMs: number
}

export interface Question {
  readonly license: Pick<License, 'issuedAt' | 'reactivation' | 'deactivated' | 'licenseId'> | null
  /** Whether the machine had a license that cannot be believed any more: `license` is null, and another is to be had. */
  readonly isLost: boolean
  /** Whether the license runs out, is in grace, or is over. */
  readonly urgent: boolean
  /** The deactivated license that the server knows to be out of use; null: none. */
  readonly confirmedLicenseId: string | null
  readonly past: Past
  /** A shorter interval than the license's, by configuration; null: none. */
  readonly intervalMs: number | null
  readonly now: number
  /** From 0 to 1 (exclusive), anew for each question. */
  readonly random: number
}

/**
 * When the next attempt is to be made, milliseconds since the epoch; null: never, until the license changes.
 * Ask once after each attempt, at the start, and where license or configuration changed; keep the answer in
 * between. A clock that was turned back delays nothing: what lies in the future counts as just now.
 */
export function nextAttemptAt(question: Question): number | null {
  const { license, past, now, confirmedLicenseId } = question
  if (license === null) return question.isLost ? afterLoss(question) : null
  if (license.deactivated && license.licenseId === confirmedLicenseId) return null
  if (past.failures > 0) return afterFailure(question)
  // A license that grants nothing waits for its confirmation, not for an interval, unless that was refused.
  const refusedSince = past.refused && (past.answeredAt ?? 0) > Date.parse(license.issuedAt)
  if (license.deactivated && !refusedSince) return now
  return afterAnswer(license, question)
}

/**
 * Whether the next attempt is due, for whoever keeps no plan but comes again and again. `random` must stay the same
 * until license or past change, or chance would always be on the early side.
 */
export function isDue(question: Question): boolean {
  const { license, past, now } = question
  const issuedAt = license === null ? 0 : Date.parse(license.issuedAt)
  // As it was planned when something last happened: from now on, what is overdue would be put off each time.
  const planned = Math.min(now, Math.max(past.attemptedAt ?? 0, issuedAt))
  const at = nextAttemptAt({ ...question, now: planned })
  return at !== null && at <= now
}

/** The whole interval, before chance shortens it. */
export function intervalOf(
  license: Pick<License, 'reactivation'>,
  { urgent, past, intervalMs }: Pick<Question, 'urgent' | 'past' | 'intervalMs'>,
): number {
  const { intervalHours, requiredWithinDays } = license.reactivation
  return Math.min(
    intervalHours * hourMs,
    intervalMs ?? Number.POSITIVE_INFINITY,
    // One attempt may fail and there is still time for others.
    requiredWithinDays === null ? Number.POSITIVE_INFINITY : (requiredWithinDays * dayMs) / 2,
    urgent || past.refused ? urgentIntervalMs : Number.POSITIVE_INFINITY,
  )
}

function afterAnswer(license: NonNullable<Question['license']>, question: Question): number {
  const { past, now, random } = question
  const interval = intervalOf(license, question)
  const heardAt = Math.min(now, Math.max(past.answeredAt ?? 0, Date.parse(license.issuedAt)))
  const at = heardAt + interval * (1 - splayShare * random)
  if (at > now) return at
  return now + Math.min(startSplayMs, interval * splayShare) * random
}

/** Calls are refused until another license comes, so it is asked for at once, and daily where that was refused. */
function afterLoss(question: Question): number {
  const { past, now, random } = question
  if (past.failures > 0) return afterFailure(question)
  if (!past.refused) return now + firstBackoffMs * random
  const heardAt = Math.min(now, past.answeredAt ?? 0)
  return Math.max(now, heardAt + urgentIntervalMs * (1 - splayShare * random))
}

/**
 * Full jitter (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015): anywhere up to the
 * bound, which doubles with each failure. What the server asked for is waited for, with jitter on top.
 */
function afterFailure({ past, now, random }: Question): number {
  const { failures, retryAfterMs } = past
  const attemptedAt = Math.min(now, past.attemptedAt ?? now)
  const bound = Math.min(maxBackoffMs, firstBackoffMs * 2 ** (failures - 1))
  const asked = Math.min(retryAfterMs, maxRetryAfterMs)
  return Math.max(now, attemptedAt + asked + Math.max(bound, asked * splayShare) * random)
}
