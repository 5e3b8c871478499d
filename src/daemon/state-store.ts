import type Database from 'better-sqlite3'
import { Fault, messageOf } from '../errors.ts'
import { type AuditActor, type AuditDraft, thisProcess } from './audit/event.ts'
import { AuditTrail } from './audit/trail.ts'
import { setFileAside } from './set-aside.ts'
import {
  isDamage,
  openStateCopy,
  openStateFile,
  openWritableStateFile,
  setLockWait,
  stateNotUsable,
} from './state-database.ts'

/** Accepted licenses that are kept, the one in force included. */
const LICENSES_KEPT = 32

/** Whoever waits for another process holds up the thread that grants. */
const LOCK_WAIT_MS = 1000

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

/** Told when the database became degraded. */
export type OnDegraded = (why: Fault) => void

/**
 * What the daemon must remember across reboots: the licenses it accepted, license time, the key that signs
 * tokens. SQLite with full synchronous commits; written seldom, never in the way of a call.
 * Two states: **ok**, and **degraded**, where something could not be written that must be: then `heal` now and then.
 */
export class StateStore {
  readonly #path: string
  readonly #actor: AuditActor
  readonly #onDegraded: OnDegraded | null
  /** What could not be written yet, newer than what the database holds. */
  readonly #kept = new Map<string, string>()
  #db: Database.Database
  #trail: AuditTrail
  /** Why `#db` is no more than a copy in memory, to which nothing is written; null where it is the file. */
  #whyCopy: unknown = null
  /** Why something could not be written to the file; null where it could, or was written since. */
  #whyUnwritten: Fault | null = null

  /**
   * Opens or makes the database. A damaged one is set aside. Faults: `state-too-new` where a newer program
   * wrote it, `state-not-usable` where it cannot be opened; all other methods throw the latter too.
   *
   * @param actor who changes it, for the audit trail
   * @param onDegraded where given, a database that can only be read is no fault, and this is told
   */
  constructor(
    path: string,
    wallNow: number,
    onSetAside: OnSetAside,
    actor = thisProcess('sessiond'),
    onDegraded: OnDegraded | null = null,
  ) {
    this.#path = path
    this.#actor = actor
    this.#onDegraded = onDegraded
    let setAside: { movedTo: string; why: string } | null = null
    this.#db = this.#using(() => {
      try {
        return onDegraded === null ? openStateFile(path) : openWritableStateFile(path)
      } catch (error) {
        if (!isDamage(error)) return this.#copy(error)
        setAside = { movedTo: setFileAside(path, wallNow), why: messageOf(error) }
        onSetAside(setAside.movedTo, setAside.why)
        return openStateFile(path)
      }
    })
    setLockWait(this.#db, LOCK_WAIT_MS)
    this.#trail = new AuditTrail(this.#db)
    if (setAside !== null) this.record({ what: 'state.set-aside', detail: setAside }, wallNow)
  }

  /** True where the file cannot be written, or something that must be kept is not in it. */
  get degraded(): boolean {
    return this.#whyCopy !== null || this.#whyUnwritten !== null || this.#kept.size > 0
  }

  /** Writes what could not be written; call it every few seconds. True where that made a degraded one good again. */
  heal(): boolean {
    if (!this.degraded) return false
    try {
      // Whoever waits for a lock holds up the thread that grants.
      this.#moveTo(openWritableStateFile(this.#path, 0))
    } catch {
      // Nothing new to tell: it is degraded, and tried again.
      return false
    }
    return true
  }

  /** Adds an event to the audit trail. `at` is wall-clock milliseconds. */
  record(event: AuditDraft, at: number): void {
    const act = this.#db.transaction(() => this.#append(event, at))
    this.#writing(() => act.immediate())
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
    const kept = this.#kept.get(name)
    if (kept !== undefined) return kept
    const select = 'SELECT value FROM facts WHERE name = ?'
    const row = this.#using(() => this.#db.prepare(select).get(name)) as { value: string } | undefined
    return row?.value ?? null
  }

  write(name: string, value: string): void {
    this.#writing(() => put(this.#db, name, value))
    this.#kept.delete(name)
  }

  /**
   * As `write`, for what means something until the machine is booted again: it is safe from the end of the process, and
   * nobody waits for the disk. Where it cannot be written, that is done by `heal`, and `read` gives it meanwhile. Throws
   * nothing.
   */
  keep(name: string, value: string): void {
    try {
      this.#writing(() => putUnsynced(this.#db, name, value))
      this.#kept.delete(name)
    } catch {
      // Told already, as the fault that made it degraded.
      this.#kept.set(name, value)
    }
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
    this.#writing(() => act.immediate())
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
    return this.#writing(() => accept.immediate())
  }

  close(): void {
    this.#db.close()
  }

  #append(event: AuditDraft, at: number): void {
    this.#trail.append({ ...event, actor: event.actor ?? this.#actor }, at)
  }

  /** The database in memory; throws `cause` where that is not wanted, or there is nothing to be read. */
  #copy(cause: unknown): Database.Database {
    if (this.#onDegraded === null || cause instanceof Fault) throw cause
    const copy = openStateCopy(this.#path)
    if (copy === null) throw cause
    this.#whyCopy = cause
    this.#onDegraded(stateNotUsable(this.#path, cause))
    return copy
  }

  /** From now on `db` is what is read and written, with what could not be written until now. */
  #moveTo(db: Database.Database): void {
    const why = this.#whyUnwritten?.message ?? stateNotUsable(this.#path, this.#whyCopy).message
    try {
      db.transaction(() => {
        for (const [name, value] of this.#kept) put(db, name, value)
        // Also the proof that something can be written: a full disk is found out by a commit alone.
        new AuditTrail(db).append({ what: 'state.healed', actor: this.#actor, detail: { why } }, Date.now())
      }).immediate()
    } catch (error) {
      db.close()
      throw error
    }
    setLockWait(db, LOCK_WAIT_MS)
    this.#db.close()
    this.#kept.clear()
    this.#whyCopy = null
    this.#whyUnwritten = null
    this.#db = db
    this.#trail = new AuditTrail(db)
  }

  /** What is written to a copy would be lost, and nobody would know. */
  #writing<T>(act: () => T): T {
    if (this.#whyCopy !== null) throw stateNotUsable(this.#path, this.#whyCopy)
    // Whoever waits for a lock again and again holds up the thread that grants; `heal` tries, and does not wait.
    if (this.#whyUnwritten !== null && this.#onDegraded !== null) throw this.#whyUnwritten
    try {
      return this.#using(act)
    } catch (error) {
      if (error instanceof Fault && error.code === 'state-not-usable') this.#notWritten(error)
      throw error
    }
  }

  #notWritten(why: Fault): void {
    const isNew = !this.degraded
    this.#whyUnwritten ??= why
    if (isNew) this.#onDegraded?.(why)
  }

  /** What SQLite throws, as a fault that says where and what helps. */
  #using<T>(act: () => T): T {
    try {
      return act()
    } catch (error) {
      throw error instanceof Fault ? error : stateNotUsable(this.#path, error)
    }
  }
}

function putUnsynced(db: Database.Database, name: string, value: string): void {
  db.pragma('synchronous = NORMAL')
  try {
    put(db, name, value)
  } finally {
    db.pragma('synchronous = FULL')
  }
}

function put(db: Database.Database, name: string, value: string): void {
  db.prepare('INSERT OR REPLACE INTO facts VALUES (?, ?)').run(name, value)
}
