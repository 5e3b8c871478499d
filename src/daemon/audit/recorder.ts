import { messageOf } from '../../errors.ts'
import type { Logger } from '../log.ts'
import type { AuditDraft } from './event.ts'

/** Events that wait for a database that cannot be written. */
const MAX_WAITING = 256

/** A database that is locked holds up the thread that grants, for a second each time that it is tried. */
const RETRY_AFTER_MS = 30_000

export interface AuditStore {
  record(draft: AuditDraft, at: number): void
}

/**
 * Records what the daemon does. An event that cannot be written waits, with its time, and is written when that is
 * possible again; nothing that it records waits for it. What is more than can wait is counted, and told in the trail.
 */
export class AuditRecorder {
  readonly #wallNow: () => number
  readonly #log: Logger
  readonly #waiting: { readonly draft: AuditDraft; readonly at: number }[] = []
  #store: AuditStore | null = null
  #lost = 0
  #failedAt = Number.NEGATIVE_INFINITY
  #isTold = false

  constructor(wallNow: () => number, log: Logger) {
    this.#wallNow = wallNow
    this.#log = log
  }

  /** There is a database, or it can be written again: what waits is written now. */
  attach(store: AuditStore): void {
    this.#store = store
    this.#failedAt = Number.NEGATIVE_INFINITY
    this.retry()
  }

  /** As `record`, for what can wait until the next `retry`. */
  note(draft: AuditDraft): void {
    if (this.#waiting.length === MAX_WAITING) {
      this.#waiting.shift()
      this.#lost++
    }
    this.#waiting.push({ draft, at: this.#wallNow() })
  }

  /** True where it is in the trail now, false where it waits. */
  record(draft: AuditDraft): boolean {
    this.note(draft)
    return this.retry()
  }

  /** Writes what waits: call it several times a second. True where nothing waits any more. */
  retry(): boolean {
    if (this.#waiting.length === 0) return true
    const now = this.#wallNow()
    if (this.#store === null || Math.abs(now - this.#failedAt) < RETRY_AFTER_MS) return false
    try {
      if (this.#lost > 0) {
        this.#store.record({ what: 'audit.gap', detail: { lost: this.#lost } }, now)
        this.#lost = 0
      }
      for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
        this.#store.record(next.draft, next.at)
        this.#waiting.shift()
      }
    } catch (error) {
      this.#failedAt = now
      this.#tell(error)
      return false
    }
    if (this.#isTold) this.#log.info('The audit trail is written again.')
    this.#isTold = false
    return true
  }

  #tell(error: unknown): void {
    if (this.#isTold) return
    this.#isTold = true
    const hint = 'Look at the space, owner and mode of stateDirectory; it heals by itself.'
    const why = messageOf(error)
    this.#log.error({ hint }, `The audit trail cannot be written; its events wait, and calls go on. ${why}`)
  }
}
