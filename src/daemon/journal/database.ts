import Database from 'better-sqlite3'
import { Fault, messageOf } from '../../errors.ts'
import type { ClientRecord } from '../../session/client-table.ts'
import type { RecordSink, SessionRecord } from '../../session/records.ts'
import { makePrivateFile } from '../../write-file.ts'

/** Raised whenever the tables change; a file of a newer schema is set aside, never read or overwritten. */
const SCHEMA_VERSION = 1

const TABLES = `
  CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE clients (
    number INTEGER PRIMARY KEY,
    identity TEXT,
    label TEXT,
    pid INTEGER,
    start_time INTEGER
  );
  CREATE TABLE sessions (
    slot INTEGER PRIMARY KEY,
    client INTEGER NOT NULL,
    application TEXT NOT NULL,
    key TEXT NOT NULL,
    nonce_high INTEGER NOT NULL,
    nonce_low INTEGER NOT NULL,
    granted_at REAL NOT NULL
  );
`

/** What a journal file held when it was opened. */
export interface JournalContent {
  readonly clients: ClientRecord[]
  readonly sessions: SessionRecord[]
  /** Why not all of the file could be read, or null. */
  readonly flaw: string | null
  /** Who wrote it; null where it does not say. */
  readonly stamp: JournalStamp | null
}

/** The run of the daemon that writes the file, and how often it had to write all of it anew. */
export interface JournalStamp {
  readonly instanceId: string
  readonly era: number
}

export const EMPTY_CONTENT: JournalContent = { clients: [], sessions: [], flaw: null, stamp: null }

/**
 * The journal's file: SQLite in WAL mode without fsync, locked for this process alone. It has to survive the
 * death of the process, not of the machine (the calls die with it), so what the kernel has is enough; the
 * boot id tells a file of this boot from an older one, whose sessions are gone.
 */
export class JournalDatabase implements RecordSink {
  readonly #db: Database.Database
  readonly #begin: Database.Statement
  readonly #commit: Database.Statement
  readonly #rollback: Database.Statement
  readonly #putSession: Database.Statement
  readonly #removeSession: Database.Statement
  readonly #putClient: Database.Statement
  readonly #removeClient: Database.Statement

  /** Opens or makes the file; or opens its bytes, in memory. Throws what SQLite throws; see `classify`. */
  constructor(file: string | Buffer) {
    // In it are the tokens of all sessions.
    if (typeof file === 'string') makePrivateFile(file)
    this.#db = new Database(file, { timeout: 0 })
    try {
      this.#prepareFile()
      this.#begin = this.#db.prepare('BEGIN IMMEDIATE')
      this.#commit = this.#db.prepare('COMMIT')
      this.#rollback = this.#db.prepare('ROLLBACK')
      this.#putSession = this.#db.prepare('INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?)')
      this.#removeSession = this.#db.prepare('DELETE FROM sessions WHERE slot = ?')
      this.#putClient = this.#db.prepare('INSERT OR REPLACE INTO clients VALUES (?, ?, ?, ?, ?)')
      this.#removeClient = this.#db.prepare('DELETE FROM clients WHERE number = ?')
    } catch (error) {
      this.#db.close()
      throw error
    }
  }

  #prepareFile(): void {
    this.#db.pragma('locking_mode = EXCLUSIVE')
    this.#db.pragma('journal_mode = WAL')
    this.#db.pragma('synchronous = OFF')
    const version = this.#db.pragma('user_version', { simple: true }) as number
    if (version > SCHEMA_VERSION) {
      throw new Fault('journal-too-new', `its schema is ${version}, this program knows ${SCHEMA_VERSION}`)
    }
    if (version === SCHEMA_VERSION) return
    this.#db.transaction(() => {
      this.#db.exec(TABLES)
      this.#db.pragma(`user_version = ${SCHEMA_VERSION}`)
    })()
  }

  /** Reads what the file holds of this boot, as far as it can be read, and stamps the file with the boot. */
  load(bootId: string): JournalContent {
    if (this.#meta('boot') === bootId) return this.#read()
    this.transaction(() => {
      this.clear()
      this.#setMeta('boot', bootId)
    })
    return EMPTY_CONTENT
  }

  /** Part of a transaction, or one of its own. */
  stamp(stamp: JournalStamp): void {
    this.#setMeta('stamp', JSON.stringify(stamp))
  }

  #meta(name: string): string | null {
    const row = this.#db.prepare('SELECT value FROM meta WHERE name = ?').get(name)
    return (row as { value: string } | undefined)?.value ?? null
  }

  #setMeta(name: string, value: string): void {
    this.#db.prepare('INSERT OR REPLACE INTO meta VALUES (?, ?)').run(name, value)
  }

  #read(): JournalContent {
    const clients: ClientRecord[] = []
    const sessions: SessionRecord[] = []
    let flaw: string | null = null
    let stamp: JournalStamp | null = null
    try {
      stamp = readStamp(this.#meta('stamp'))
      for (const row of this.#db.prepare('SELECT * FROM clients').iterate()) {
        const client = readClient(row as Row)
        if (client !== null && comesAfter(client.index, clients.at(-1)?.index)) clients.push(client)
        else flaw = 'a client row is malformed'
      }
      for (const row of this.#db.prepare('SELECT * FROM sessions').iterate()) {
        const session = readSession(row as Row)
        if (session !== null && comesAfter(session.slot, sessions.at(-1)?.slot)) sessions.push(session)
        else flaw = 'a session row is malformed'
      }
    } catch (error) {
      flaw = messageOf(error)
    }
    return { clients, sessions, flaw, stamp }
  }

  /** Carries out `write` in one transaction: all of it is in the file afterwards, or nothing and it throws. */
  transaction(write: () => void): void {
    this.#begin.run()
    try {
      write()
      this.#commit.run()
    } catch (error) {
      if (this.#db.inTransaction) this.#rollback.run()
      throw error
    }
  }

  clear(): void {
    this.#db.exec('DELETE FROM sessions; DELETE FROM clients')
  }

  putSession(
    slot: number,
    client: number,
    application: string,
    key: string,
    nonceHigh: number,
    nonceLow: number,
    grantedAt: number,
  ): void {
    this.#putSession.run(slot, client, application, key, nonceHigh, nonceLow, grantedAt)
  }

  removeSession(slot: number): void {
    this.#removeSession.run(slot)
  }

  putClient(client: ClientRecord): void {
    const { pid, startTime } = client.process ?? { pid: null, startTime: null }
    this.#putClient.run(client.index, client.identity, client.label, pid, startTime)
  }

  removeClient(index: number): void {
    this.#removeClient.run(index)
  }

  close(): void {
    this.#db.close()
  }
}

type Row = Record<string, unknown>

const MAX_INDEX = 2 ** 24
const NONCE_END = 2 ** 48

function isIndex(value: unknown, end: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < end
}

/** Rows come in the order of their key. In a damaged tree one may come twice, which would be counted twice. */
function comesAfter(key: number, before: number | undefined): boolean {
  return before === undefined || key > before
}

function readStamp(text: string | null): JournalStamp | null {
  if (text === null) return null
  const { instanceId, era } = JSON.parse(text) as { [Key in keyof JournalStamp]: unknown }
  return typeof instanceId === 'string' && typeof era === 'number' ? { instanceId, era } : null
}

function readClient(row: Row): ClientRecord | null {
  const { number: index, identity, label, pid, start_time: startTime } = row
  if (!isIndex(index, MAX_INDEX)) return null
  if (identity !== null && typeof identity !== 'string') return null
  if (label !== null && typeof label !== 'string') return null
  if (typeof pid !== 'number' || typeof startTime !== 'number')
    return { index, identity, label, process: null }
  return { index, identity, label, process: { pid, startTime } }
}

function readSession(row: Row): SessionRecord | null {
  const {
    slot,
    client,
    application,
    key,
    nonce_high: nonceHigh,
    nonce_low: nonceLow,
    granted_at: grantedAt,
  } = row
  if (!isIndex(slot, MAX_INDEX) || !isIndex(client, MAX_INDEX)) return null
  if (!isIndex(nonceHigh, NONCE_END) || !isIndex(nonceLow, NONCE_END)) return null
  if (typeof application !== 'string' || typeof key !== 'string' || typeof grantedAt !== 'number') return null
  return { slot, client, application, key, nonceHigh, nonceLow, grantedAt }
}

/** What an error of SQLite or of ours means for the journal. */
export function classify(error: unknown): 'locked' | 'unusable' | 'unwritable' {
  if (error instanceof Fault) return 'unusable'
  const code = (error as { code?: unknown }).code
  if (typeof code !== 'string') return 'unwritable'
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) return 'locked'
  // A damaged file may also show as a missing table or column (SQLITE_ERROR).
  if (/^SQLITE_(CORRUPT|NOTADB|FORMAT|SCHEMA|ERROR$|MISMATCH|CONSTRAINT)/.test(code)) return 'unusable'
  return 'unwritable'
}
