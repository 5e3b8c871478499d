import type { PendingRequest } from './request-book.ts'
import type { Past } from './schedule.ts'

/** Where the record is kept; the state database, which `sessionctl` and the daemon share. */
export interface RecordArchive {
  read(name: string): string | null
  /** One step, also against other processes. */
  change(name: string, change: (before: string | null) => string): void
}

/**
 * What the last attempt came to.
 *
 * `refreshed`    a license came and is in force.
 * `deactivated`  the license that came grants nothing, and the server knows that this machine stopped using it.
 * `refused`      the server said no; whatever license there is stays as good as it was.
 * `unreachable`  no answer: the network, a timeout, a server that is busy or down.
 * `failed`       an answer that could not be used: not believed, or not written.
 */
export type OutcomeKind = 'refreshed' | 'deactivated' | 'refused' | 'unreachable' | 'failed'

/** What is remembered of activations and reactivations of one product. */
export interface ReactivationRecord {
  /** Raised by every change, so that one process sees what another has done. */
  readonly version: number
  readonly requests: readonly PendingRequest[]
  readonly past: Past
  readonly last: {
    readonly at: number
    readonly kind: OutcomeKind
    readonly code: string | null
    readonly message: string
    readonly hint: string | null
  } | null
  /** When a license or a confirmation last came. */
  readonly succeededAt: number | null
  /** The deactivated license of which the server knows that it is out of use. */
  readonly confirmedLicenseId: string | null
}

export const blankRecord: ReactivationRecord = {
  version: 0,
  requests: [],
  past: { attemptedAt: null, answeredAt: null, failures: 0, refused: false, retryAfterMs: 0 },
  last: null,
  succeededAt: null,
  confirmedLicenseId: null,
}

/** Outcomes after which the server need not be asked again at once. */
const answered: ReadonlySet<OutcomeKind> = new Set(['refreshed', 'deactivated', 'refused'])

/** The record of one product, shared by all processes of this machine. */
export class RecordBook {
  readonly #archive: RecordArchive
  readonly #name: string

  constructor(archive: RecordArchive, product: string) {
    this.#archive = archive
    this.#name = `reactivation ${product}`
  }

  read(): ReactivationRecord {
    return parse(this.#archive.read(this.#name))
  }

  /** Changes the record as one step, and gives it as it is then. */
  change(change: (before: ReactivationRecord) => Partial<ReactivationRecord>): ReactivationRecord {
    let after = blankRecord
    this.#archive.change(this.#name, text => {
      const before = parse(text)
      after = { ...before, ...change(before), version: before.version + 1 }
      return JSON.stringify(after)
    })
    return after
  }
}

/** What the end of an attempt changes. */
export function afterAttempt(
  { past, succeededAt }: ReactivationRecord,
  outcome: NonNullable<ReactivationRecord['last']>,
  retryAfterMs: number,
): Partial<ReactivationRecord> {
  const { at, kind } = outcome
  const isAnswer = answered.has(kind)
  return {
    last: outcome,
    succeededAt: isAnswer && kind !== 'refused' ? at : succeededAt,
    past: {
      attemptedAt: at,
      answeredAt: isAnswer ? at : past.answeredAt,
      failures: isAnswer ? 0 : past.failures + 1,
      refused: isAnswer ? kind === 'refused' : past.refused,
      retryAfterMs,
    },
  }
}

/** A record that cannot be read is as good as none: it tells when to ask again, and the next attempt writes it anew. */
function parse(text: string | null): ReactivationRecord {
  if (text === null) return blankRecord
  try {
    const record = JSON.parse(text) as Partial<ReactivationRecord> | null
    const isWhole =
      typeof record?.version === 'number' && Array.isArray(record.requests) && record.past != null
    return isWhole ? { ...blankRecord, ...record } : blankRecord
  } catch (error) {
    if (error instanceof SyntaxError) return blankRecord
    throw error
  }
}
