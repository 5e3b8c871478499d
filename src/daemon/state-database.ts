import Database from 'better-sqlite3'
import { Fault, messageOf } from '../errors.ts'
import { makeOwnFile, makePrivateFile } from '../write-file.ts'
import { AUDIT_SCHEMA } from './audit/trail.ts'
import { readIntoMemory } from './memory-copy.ts'

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

/** A start waits that long for another process to let go of the database. */
const LOCK_WAIT_MS = 5000

/** A process that writes it meanwhile may spoil a copy; it seldom does so twice. */
const COPIES_TRIED = 3

/** Opens or makes the database at `path`. Throws what SQLite throws, `state-too-new` or `state-damaged`. */
export function openStateFile(path: string, lockWaitMs = LOCK_WAIT_MS): Database.Database {
  makeOwnFile(path)
  // In it is the key that signs tokens.
  makePrivateFile(path)
  const db = new Database(path, { timeout: lockWaitMs })
  return closedOnError(db, () => {
    db.pragma('journal_mode = WAL')
    db.pragma('synchronous = FULL')
    prepare(db, path)
  })
}

/** As `openStateFile`, but throws also where SQLite opens it for reading alone: that would never change by itself. */
export function openWritableStateFile(path: string, lockWaitMs = LOCK_WAIT_MS): Database.Database {
  const db = openStateFile(path, lockWaitMs)
  return closedOnError(db, () => {
    // Only a statement that writes is refused; what it wrote is never committed, so a full disk does not matter here.
    db.exec('BEGIN IMMEDIATE')
    db.pragma(`user_version = ${db.pragma('user_version', { simple: true })}`)
    db.exec('ROLLBACK')
  })
}

/**
 * What the database at `path` holds, in memory: where its disk is full or read-only, or another process keeps it locked,
 * SQLite opens no such file. Null where there is none. Throws what the file system says, or as `openStateFile`.
 */
export function openStateCopy(path: string): Database.Database | null {
  for (let copies = 1; ; copies++) {
    const bytes = readIntoMemory(path)
    if (bytes === null) return null
    try {
      const db = new Database(bytes)
      return closedOnError(db, () => prepare(db, path))
    } catch (error) {
      if (!isDamage(error) || copies === COPIES_TRIED) throw error
    }
  }
}

export function setLockWait(db: Database.Database, milliseconds: number): void {
  db.pragma(`busy_timeout = ${milliseconds}`)
}

export function isDamage(error: unknown): boolean {
  return /^(SQLITE_(CORRUPT|NOTADB)|state-damaged$)/.test(codeOf(error))
}

/** What SQLite throws, as a fault that says where and what helps. */
export function stateNotUsable(path: string, cause: unknown): Fault {
  const isLocked = codeOf(cause).startsWith('SQLITE_BUSY')
  const why = isLocked ? 'another process keeps it locked' : messageOf(cause)
  return new Fault('state-not-usable', `The state database ${path} cannot be used: ${why}.`, {
    hint: isLocked
      ? `See which process it is: fuser -v ${path}`
      : 'Look at the owner, mode and free space of stateDirectory.',
    cause,
  })
}

/** Checks it, and brings its schema up to that of this program. */
function prepare(db: Database.Database, path: string): void {
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
}

function closedOnError(db: Database.Database, act: () => void): Database.Database {
  try {
    act()
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown }).code)
}
