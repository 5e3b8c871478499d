import Database from 'better-sqlite3'
import { Fault, messageOf } from '../errors.ts'
import { makeOwnFile, makePrivateFile } from '../write-file.ts'
import { type AuditActor, type AuditDraft, thisProcess } from './audit/event.ts'
import { AUDIT_SCHEMA, AuditTrail } from './audit/trail.ts'
import { setFileAside } from './set-aside.ts'

/** Each brings the schema from the version of its index to the next, in a transaction of its own. */
const MIGRATIONS = [
  `
  CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE licenses (
    number INTEGER PRIMARY KEY,
    accepted_at INTEGER NOT NULL,
    text TEXT NOT NULL
  );
  `,
  AUDIT_SCHEMA,
]

/** Accepted licenses that are kept, the one in force included. */
const LICENSES_KEPT = 32

/** What must hold, and be done, for a license to be accepted. */
export interface AcceptGuard {
  readonly after: string | null
  readonly lay: () => void
  /** Where it came from, and its row in the audit trail, which is written in the same transaction. */
  readonly origin?: string
  readonly event?: AuditDraft
}

/** A license that was in force, from one instant to the next of these. */
export interface KeptLicense {
  readonly acceptedAt: number
  readonly text: string
  /** Null where an older program accepted it, which did not note this. */
  readonly origin: string | null
}

/** Told when a damaged file was moved away and a new one begun. */
export type OnSetAside = (movedTo: string, why: string) => void

/**
 * What the daemon must remember across reboots: the licenses it accepted, license time, the key that signs
 * tokens. SQLite with full synchronous commits; written seldom, never in the way of a call.
 */
export class StateStore {
  readonly #path: string
  readonly #db: Database.Database
  readonly #trail: AuditTrail
  readonly #actor: AuditActor

  /**
   * Opens or makes the database. A damaged one is set aside. Faults: `state-too-new` where a newer program
   * wrote it, `state-not-usable` where it cannot be opened; all other methods throw the latter too.
   *
   * @param actor who changes it, for the audit trail
   */
  constructor(path: string, wallNow: number, onSetAside: OnSetAside, actor = thisProcess('sessiond')) {
    this.#path = path
    this.#actor = actor
    let setAside: { movedTo: string; why: string } | null = null
    this.#db = this.#using(() => {
      try {
        return open(path)
      } catch (error) {
        if (!isDamage(error)) throw error
        setAside = { movedTo: setFileAside(path, wallNow), why: messageOf(error) }
        onSetAside(setAside.movedTo, setAside.why)
        return open(path)
      }
    })
    this.#trail = new AuditTrail(this.#db)
    if (setAside !== null) this.record({ what: 'state.set-aside', detail: setAside }, wallNow)
  }

  /** Adds an event to the audit trail. `at` is wall-clock milliseconds. */
  record(event: AuditDraft, at: number): void {
    const act = this.#db.transaction(() => this.#append(event, at))
    this.#using(() => act.immediate())
  }

  /** Looks at the audit trail, as it is at one instant. */
  audit<T>(look: (trail: AuditTrail) => T): T {
    return this.#using(this.#db.transaction(() => look(this.#trail)))
  }

  /** The licenses that were accepted, oldest first. */
  licenses(): KeptLicense[] {
    const select = 'SELECT accepted_at AS acceptedAt, text, origin FROM licenses ORDER BY number'
    return this.#using(() => this.#db.prepare(select).all()) as KeptLicense[]
  }

  /** A named value, or null. */
  read(name: string): string | null {
    const select = 'SELECT value FROM facts WHERE name = ?'
    const row = this.#using(() => this.#db.prepare(select).get(name)) as { value: string } | undefined
    return row?.value ?? null
  }

  write(name: string, value: string): void {
    this.#using(() => this.#db.prepare('INSERT OR REPLACE INTO facts VALUES (?, ?)').run(name, value))
  }

  /**
   * Changes a named value as one step, also against other processes that change it. Null leaves it as it is.
   * `event` is recorded in the same step, where it was changed.
   */
  change(name: string, change: (before: string | null) => string | null, event?: AuditDraft): void {
    const act = this.#db.transaction(() => {
      const after = change(this.read(name))
      if (after === null) return
      this.write(name, after)
      if (event !== undefined) this.#append(event, Date.now())
    })
    this.#using(() => act.immediate())
  }

  /** The text of the license that was accepted last, or null. */
  latestLicense(): string | null {
    const select = 'SELECT text FROM licenses ORDER BY number DESC LIMIT 1'
    const row = this.#using(() => this.#db.prepare(select).get()) as { text: string } | undefined
    return row?.text ?? null
  }

  /**
   * Keeps a license as the one accepted last. With `guard` only where `guard.after` still is that, or the
   * license itself: false where another process has accepted another one meanwhile. `guard.lay` is carried out
   * in the same step; where it throws, nothing is kept.
   */
  acceptLicense(text: string, acceptedAt: number, guard?: AcceptGuard): boolean {
    const accept = this.#db.transaction(() => {
      const latest = this.latestLicense()
      if (guard !== undefined && latest !== guard.after && latest !== text) return false
      guard?.lay()
      if (latest === text) return true
      const { lastInsertRowid } = this.#db
        .prepare('INSERT INTO licenses (accepted_at, text, origin) VALUES (?, ?, ?)')
        .run(acceptedAt, text, guard?.origin ?? null)
      this.#db.prepare('DELETE FROM licenses WHERE number <= ?').run(Number(lastInsertRowid) - LICENSES_KEPT)
      if (guard?.event !== undefined) this.#append(guard.event, Date.now())
      return true
    })
    return this.#using(() => accept.immediate())
  }

  close(): void {
    this.#db.close()
  }

  #append(event: AuditDraft, at: number): void {
    this.#trail.append({ ...event, actor: event.actor ?? this.#actor }, at)
  }

  /** What SQLite throws, as a fault that says where and what helps. */
  #using<T>(act: () => T): T {
    try {
      return act()
    } catch (error) {
      throw error instanceof Fault ? error : notUsable(this.#path, error)
    }
  }
}

function open(path: string): Database.Database {
  makeOwnFile(path)
  // In it is the key that signs tokens.
  makePrivateFile(path)
  const db = new Database(path, { timeout: 1000 })
  try {
    db.pragma('journal_mode = WAL')
    db.pragma('synchronous = FULL')
    const version = db.pragma('user_version', { simple: true }) as number
    if (version > MIGRATIONS.length) {
      const message = `${path} has schema ${version}; this program knows ${MIGRATIONS.length}.`
      throw new Fault('state-too-new', message, {
        hint: 'Install the newer sessiond again, or restore a backup.',
      })
    }
    const check = db.pragma('quick_check(1)', { simple: true })
    if (check !== 'ok') throw new Fault('state-damaged', String(check))
    for (let next = version; next < MIGRATIONS.length; next++) {
      db.transaction(() => {
        db.exec(MIGRATIONS[next]!)
        db.pragma(`user_version = ${next + 1}`)
      })()
    }
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

function isDamage(error: unknown): boolean {
  return /^(SQLITE_(CORRUPT|NOTADB)|state-damaged$)/.test(String((error as { code?: unknown }).code))
}

function notUsable(path: string, cause: unknown): Fault {
  return new Fault('state-not-usable', `The state database ${path} cannot be used: ${messageOf(cause)}`, {
    hint: 'Look at the owner, mode and free space of stateDirectory.',
    cause,
  })
}
