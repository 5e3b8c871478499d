import { statSync } from 'node:fs'
import { Fault, messageOf } from '../../errors.ts'
import type { Bucket, Figures } from '../../report/figures.ts'
import {
  addTo,
  byMinute,
  type Counted,
  figuresBetween,
  type Reading,
  readCounter,
} from '../../report/reading.ts'
import { type Span, spanNames, spans, startOf } from '../../report/spans.ts'
import type { Config } from '../config/schema.ts'
import type { Logger } from '../log.ts'
import { setFileAside } from '../set-aside.ts'
import { HistoryDatabase, type Kept } from './database.ts'

/** Minutes that wait for a database that cannot be written: a day. */
const MAX_WAITING = 1440
/** A backup may hold the lock for so long before that is told. */
const PATIENCE_MS = 60_000

export interface RecorderParts {
  readonly path: string
  readonly settings: () => Config['history']
  readonly counter: Counted
  /** The most in use since it was last asked. */
  readonly takePeak: () => number
  /** Milliseconds since the epoch. */
  readonly wallNow: () => number
  readonly log: Logger
}

/**
 * Keeps the usage history: it takes what happened since it last looked to the minute, and writes that now and then to
 * the rows of minutes, hours and days. What was written is forgotten in the same step, so that nothing is counted twice;
 * a crash loses what was not written yet. Where it cannot be written it waits, and calls go on.
 */
export class HistoryRecorder {
  readonly #parts: RecorderParts
  readonly #waiting = new Map<number, Figures>()
  #last: Reading
  #writeAt = Number.NEGATIVE_INFINITY
  #database: { readonly db: HistoryDatabase; readonly inode: number } | null = null
  #failedSince: number | null = null
  #isTold = false
  #lostMinutes = 0

  /** `now` is monotonic milliseconds, here and below. Counting begins with what the counter says now. */
  constructor(parts: RecorderParts, now: number) {
    this.#parts = parts
    this.#last = readCounter(parts.counter, now)
  }

  /** Follows the counter: call it several times a second. */
  look(now: number): void {
    const { enabled, writeSeconds } = this.#parts.settings()
    this.#take(now, enabled)
    if (now < this.#writeAt) return
    this.#writeAt = now + writeSeconds * 1000
    this.write(now)
  }

  /** Takes and writes the last of it. */
  close(now: number): void {
    this.#take(now, this.#parts.settings().enabled)
    this.write(now)
    this.#close()
  }

  /** Writes what waits. False where that is not possible now. */
  write(now: number): boolean {
    if (this.#waiting.size === 0) return true
    try {
      const db = this.#open()
      db.add(rowsOf(this.#waiting))
      this.#waiting.clear()
      db.prune(keptOf(this.#parts.settings()))
    } catch (error) {
      this.#failed(error, now)
      return false
    }
    this.#healed()
    return true
  }

  #take(now: number, enabled: boolean): void {
    const { counter, takePeak, wallNow } = this.#parts
    const reading = readCounter(counter, now)
    const peak = takePeak()
    if (enabled) {
      addTo(this.#waiting, byMinute(figuresBetween(this.#last, reading, peak), wallNow()))
      while (this.#waiting.size > MAX_WAITING) {
        this.#waiting.delete(this.#waiting.keys().next().value!)
        this.#lostMinutes++
      }
    }
    this.#last = reading
  }

  /** A file that was moved away or removed is not written any more: a new one is begun. */
  #open(): HistoryDatabase {
    const { path } = this.#parts
    if (this.#database !== null && inodeOf(path) !== this.#database.inode) this.#close()
    this.#database ??= { db: new HistoryDatabase(path), inode: inodeOf(path) }
    return this.#database.db
  }

  #close(): void {
    this.#database?.db.close()
    this.#database = null
  }

  #failed(error: unknown, now: number): void {
    const code = String((error as { code?: unknown }).code)
    const { path, log, wallNow } = this.#parts
    this.#failedSince ??= now
    if (/^SQLITE_(BUSY|LOCKED)/.test(code) && now - this.#failedSince < PATIENCE_MS) return
    this.#close()
    if (/^SQLITE_(CORRUPT|NOTADB)/.test(code) || error instanceof SyntaxError) {
      try {
        const movedTo = setFileAside(path, wallNow())
        log.error({ movedTo }, 'The usage history was damaged and was set aside; a new one is begun.')
      } catch (cause) {
        this.#tell(cause)
      }
    } else this.#tell(error)
  }

  #tell(error: unknown): void {
    if (this.#isTold) return
    this.#isTold = true
    const hint =
      error instanceof Fault
        ? error.hint
        : 'Look at the space, owner and mode of stateDirectory; it heals by itself.'
    const told = 'The usage history cannot be written; it waits for a day at most, and calls go on.'
    this.#parts.log.error({ hint }, `${told} ${messageOf(error)}`)
  }

  #healed(): void {
    this.#failedSince = null
    if (this.#isTold) {
      this.#parts.log.info({ lostMinutes: this.#lostMinutes }, 'The usage history is written again.')
    }
    this.#isTold = false
    this.#lostMinutes = 0
  }
}

/** What is added to the rows of each span. */
function rowsOf(minutes: ReadonlyMap<number, Figures>): (Bucket & { readonly span: Span })[] {
  return spanNames.flatMap(span => {
    const rows = new Map<number, Figures>()
    for (const [minute, figures] of minutes) addTo(rows, [{ start: startOf(span, minute), figures }])
    return [...rows].map(([start, figures]) => ({ span, start, figures }))
  })
}

function keptOf({ minutesForDays, hoursForDays, daysForDays }: Config['history']): Kept {
  return {
    minute: (minutesForDays * spans.day) / spans.minute,
    hour: (hoursForDays * spans.day) / spans.hour,
    day: daysForDays,
  }
}

function inodeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.ino ?? 0
}
