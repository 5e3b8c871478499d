import type Database from 'better-sqlite3'
import { type AuditRow, type ChainHead, follows, readEvent, sealEvent } from './chain.ts'
import type { AuditActor, AuditDraft, AuditEvent } from './event.ts'

/**
 * The tables of the trail, for a migration of the database that holds them. Rows are added at the end and removed at
 * the beginning, and only after the anchor has moved there; triggers keep everything else from happening by mistake.
 */
export const AUDIT_SCHEMA = `
  CREATE TABLE audit (
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    body TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
  );
  CREATE TABLE audit_anchor (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    number INTEGER NOT NULL,
    hash TEXT NOT NULL
  );
  INSERT INTO audit_anchor VALUES (0, 0, '');
  CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit trail is not changed'); END;
  CREATE TRIGGER audit_is_removed_from_its_beginning BEFORE DELETE ON audit
    WHEN OLD.number > (SELECT number FROM audit_anchor)
    BEGIN SELECT RAISE(ABORT, 'the audit trail is removed from its beginning alone'); END;
  CREATE TRIGGER audit_anchor_goes_forward BEFORE UPDATE ON audit_anchor
    WHEN NEW.number < OLD.number
    BEGIN SELECT RAISE(ABORT, 'the anchor of the audit trail goes forward alone'); END;
  CREATE TRIGGER audit_anchor_stays BEFORE DELETE ON audit_anchor
    BEGIN SELECT RAISE(ABORT, 'the anchor of the audit trail stays'); END;
  ALTER TABLE licenses ADD COLUMN origin TEXT;
`

/** Events that are kept. At a hundred a day that is most of a year. */
export const AUDIT_EVENTS_KEPT = 25_000

/** Removed at one time, so that not every event has to remove one. */
const REMOVED_AT_ONCE = 250

/** What a look at the whole chain found. */
export type ChainReport =
  | { readonly ok: true; readonly events: number; readonly anchor: ChainHead; readonly head: ChainHead }
  | { readonly ok: false; readonly at: number; readonly why: string }

/** The audit trail in an open database. Its caller runs each method in a transaction, and translates what SQLite throws. */
export class AuditTrail {
  readonly #db: Database.Database
  readonly #kept: number

  constructor(db: Database.Database, kept = AUDIT_EVENTS_KEPT) {
    this.#db = db
    this.#kept = kept
  }

  append(draft: AuditDraft & { readonly actor: AuditActor }, at: number): void {
    const row = sealEvent(draft, at, this.head())
    this.#db
      .prepare(
        'INSERT INTO audit (number, at, body, previous, hash) VALUES (@number, @at, @body, @previous, @hash)',
      )
      .run(row)
    const { number } = this.anchor()
    if (row.number - number > this.#kept + REMOVED_AT_ONCE) this.#removeUpTo(row.number - this.#kept)
  }

  /** The last row, or the anchor where there is none. */
  head(): ChainHead {
    const last = this.#db.prepare('SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1').get()
    return (last as ChainHead | undefined) ?? this.anchor()
  }

  /** The last row that was removed. */
  anchor(): ChainHead {
    return this.#db.prepare('SELECT number, hash FROM audit_anchor').get() as ChainHead
  }

  /** The newest events since then, at most `limit`, oldest first. */
  read(since: number, limit: number): AuditEvent[] {
    const select = 'SELECT body, at FROM audit WHERE at >= ? ORDER BY number DESC LIMIT ?'
    const rows = this.#db.prepare(select).all(since, limit) as Pick<AuditRow, 'body' | 'at'>[]
    return rows.reverse().map(readEvent)
  }

  /** Whether the row of that number has that hash; null where it is gone, or was never there. */
  hasHash(number: number, hash: string): boolean | null {
    const anchor = this.anchor()
    if (number === anchor.number) return anchor.hash === hash
    const found = this.#db.prepare('SELECT hash FROM audit WHERE number = ?').pluck().get(number)
    return found === undefined ? null : found === hash
  }

  /** Follows the whole chain from its anchor. */
  verify(): ChainReport {
    const anchor = this.anchor()
    let head = anchor
    for (const row of this.#db.prepare('SELECT * FROM audit ORDER BY number').iterate()) {
      const check = follows(row as AuditRow, head)
      if (!check.ok) return { ok: false, at: (row as AuditRow).number, why: check.why }
      head = { number: (row as AuditRow).number, hash: (row as AuditRow).hash }
    }
    return { ok: true, events: head.number - anchor.number, anchor, head }
  }

  /** The chain stays provable: the anchor keeps the hash that the first row which is left was built on. */
  #removeUpTo(number: number): void {
    this.#db
      .prepare('UPDATE audit_anchor SET (number, hash) = (SELECT number, hash FROM audit WHERE number = ?)')
      .run(number)
    this.#db.prepare('DELETE FROM audit WHERE number <= ?').run(number)
  }
}
