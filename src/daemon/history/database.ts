import Database from 'better-sqlite3'
import { Fault, messageOf } from '../../errors.ts'
import { addFigures, type Bucket, type Figures, noFigures } from '../../report/figures.ts'
import { type Span, spanNames } from '../../report/spans.ts'
import { makeOwnFile, makePrivateFile, refuseForeignLinks } from '../../write-file.ts'

/** Each brings the schema from the version of its index to the next, in a transaction of its own. */
const MIGRATIONS = [
  `
  CREATE TABLE history (
    span TEXT NOT NULL,
    start INTEGER NOT NULL,
    figures TEXT NOT NULL,
    UNIQUE (span, start)
  );
  `,
]

/** Rows of each span that are kept. */
export type Kept = Readonly<Record<Span, number>>

/** Removed at one time, so that a shorter time that is kept does not hold up the thread that grants. */
const REMOVED_AT_ONCE = 500

/**
 * The usage history, in a file of its own: rows of minutes, hours and days. Its writer never waits for a lock. There
 * is no check of the whole file when it is opened, which would take longer the more is kept; SQLite tells damage when
 * it meets it.
 */
export class HistoryDatabase {
  readonly #db: Database.Database
  readonly #find: Database.Statement
  readonly #put: Database.Statement
  readonly #remove: Database.Statement
  /** Rows that there are; nobody else writes. To count them each time would take milliseconds. */
  readonly #count: Record<Span, number> = { minute: 0, hour: 0, day: 0 }

  /** @throws {Fault} `history-too-new` where a newer program wrote it; else what SQLite throws */
  constructor(path: string) {
    makeOwnFile(path)
    makePrivateFile(path)
    this.#db = new Database(path, { timeout: 0 })
    try {
      prepare(this.#db, path)
      this.#find = this.#db.prepare('SELECT figures FROM history WHERE span = ? AND start = ?').pluck()
      this.#put = this.#db.prepare(
        'INSERT INTO history VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET figures = excluded.figures',
      )
      this.#remove = this.#db.prepare(
        `DELETE FROM history WHERE rowid IN (
          SELECT rowid FROM history WHERE span = ? ORDER BY start LIMIT ?)`,
      )
      const count = this.#db.prepare('SELECT count(*) FROM history WHERE span = ?').pluck()
      for (const span of spanNames) this.#count[span] = count.get(span) as number
    } catch (error) {
      this.#db.close()
      throw error
    }
  }

  /** Adds to the rows of those spans: all of them or, where it throws, none. */
  add(rows: readonly (Bucket & { readonly span: Span })[]): void {
    const act = this.#db.transaction(() => {
      const added: Span[] = []
      for (const { span, start, figures } of rows) {
        const before = this.#find.get(span, start) as string | undefined
        if (before === undefined) added.push(span)
        const sum = before === undefined ? figures : addFigures(readFigures(before), figures)
        this.#put.run(span, start, JSON.stringify(sum))
      }
      return added
    })
    for (const span of act.immediate()) this.#count[span]++
  }

  /** Removes the oldest rows beyond those kept, some at a time. */
  prune(kept: Kept): void {
    for (const span of spanNames) {
      const tooMany = Math.min(this.#count[span] - kept[span], REMOVED_AT_ONCE)
      if (tooMany > 0) this.#count[span] -= this.#remove.run(span, tooMany).changes
    }
  }

  close(): void {
    this.#db.close()
  }
}

function prepare(db: Database.Database, path: string): void {
  db.pragma('journal_mode = WAL')
  // A power failure may cost the last rows, never the file.
  db.pragma('synchronous = NORMAL')
  const version = versionOf(db, path)
  for (let next = version; next < MIGRATIONS.length; next++) {
    db.transaction(() => {
      db.exec(MIGRATIONS[next]!)
      db.pragma(`user_version = ${next + 1}`)
    }).immediate()
  }
}

function versionOf(db: Database.Database, path: string): number {
  const version = db.pragma('user_version', { simple: true }) as number
  if (version <= MIGRATIONS.length) return version
  const message = `${path} has schema ${version}; this program knows ${MIGRATIONS.length}.`
  throw new Fault('history-too-new', message, { hint: 'Install the newer sessiond again.' })
}

/** What a reader finds, at one instant. */
export interface HistoryReader {
  /** The rows of a span that begin within that time, oldest first. `to` is not included. */
  rows(span: Span, from: number, to: number): Bucket[]
  /** The newest row of a span, or null. */
  latest(span: Span): Bucket | null
}

/**
 * Looks at the history without changing it, beside a daemon that may write it.
 *
 * @throws {Fault} `history-too-new`, `history-not-usable`, `link-not-followed`
 */
export function readHistory<T>(path: string, look: (reader: HistoryReader) => T): T {
  refuseForeignLinks(path)
  try {
    const db = new Database(path, { readonly: true, fileMustExist: true, timeout: 1000 })
    try {
      // One that was begun, and no more, has no table yet.
      const isEmpty = versionOf(db, path) === 0
      return db.transaction(() => look(isEmpty ? nothing : readerOf(db)))()
    } finally {
      db.close()
    }
  } catch (error) {
    if (error instanceof Fault) throw error
    throw new Fault('history-not-usable', `The usage history ${path} cannot be read: ${messageOf(error)}`, {
      hint: 'Read it as root or as the user of sessiond, for example with sudo.',
      cause: error,
    })
  }
}

const nothing: HistoryReader = { rows: () => [], latest: () => null }

function readerOf(db: Database.Database): HistoryReader {
  const bucketOf = (row: unknown): Bucket => {
    const { start, figures } = row as { start: number; figures: string }
    return { start, figures: readFigures(figures) }
  }
  return {
    rows: (span, from, to) => {
      const select =
        'SELECT start, figures FROM history WHERE span = ? AND start >= ? AND start < ? ORDER BY start'
      return db.prepare(select).all(span, from, to).map(bucketOf)
    },
    latest: span => {
      const select = 'SELECT start, figures FROM history WHERE span = ? ORDER BY start DESC LIMIT 1'
      const row = db.prepare(select).get(span)
      return row === undefined ? null : bucketOf(row)
    },
  }
}

/** Figures that an older program did not know are none. */
function readFigures(text: string): Figures {
  return { ...noFigures, ...(JSON.parse(text) as Figures) }
}
