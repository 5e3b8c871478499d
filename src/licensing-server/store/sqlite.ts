import { closeSync, existsSync, openSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { type Kysely, Kysely as KyselyClass, SqliteDialect, sql } from 'kysely'
import { Fault, messageOf } from '../../errors.ts'
import type { LedgerChange } from '../ledger/model.ts'
import { applyChange, Conflict } from './apply.ts'
import { Batcher } from './batcher.ts'
import { BatchingReader, maxBatch, pace } from './batching-reader.ts'
import { KeptHeaders } from './license-header.ts'
import { migrateSchema } from './migrate.ts'
import { sqliteDialect } from './migrations.ts'
import { SqlReader } from './reader.ts'
import { isRenewal } from './renewals.ts'
import { SqliteRenewals } from './sqlite-renewals.ts'
import type { LedgerReader, LedgerStore } from './store.ts'
import type { Tables } from './tables.ts'

export interface SqliteOptions {
  /** How long to wait for another process that writes. */
  busyMs?: number
  now?: () => number
}

/** Opens the ledger in a file, and makes it where there is none. Several processes may share it on one machine. */
export async function openSqliteLedger(path: string, options: SqliteOptions = {}): Promise<LedgerStore> {
  const { busyMs = 10_000, now = Date.now } = options
  const store = new SqliteLedger(path, busyMs)
  try {
    await store.migrate(now())
  } catch (error) {
    await store.close()
    throw error
  }
  return store
}

class SqliteLedger extends BatchingReader implements LedgerStore {
  readonly #path: string
  readonly #writer: Kysely<Tables>
  readonly #renewals: SqliteRenewals
  readonly #savepoint: Record<'set' | 'undo' | 'release', Database.Statement>
  readonly #headers = new KeptHeaders()
  readonly #reader: Kysely<Tables>
  readonly #busyMs: number
  readonly #changes: Batcher<LedgerChange, boolean>

  constructor(path: string, busyMs: number) {
    const reader = kyselyOn(openDatabase(path))
    const among = sql<boolean>`installation.installation_id in (select value from json_each(${''}))`
    super(reader, among, ids => JSON.stringify(ids))
    this.#path = path
    this.#reader = reader
    const writer = openDatabase(path)
    this.#writer = kyselyOn(writer)
    this.#renewals = new SqliteRenewals(writer)
    this.#savepoint = {
      set: writer.prepare('savepoint change'),
      undo: writer.prepare('rollback to change'),
      release: writer.prepare('release change'),
    }
    this.#busyMs = busyMs
    this.#changes = new Batcher(maxBatch, changes => this.#writeAll(changes), pace)
  }

  async migrate(now: number): Promise<void> {
    await this.#write(db => migrateSchema(db, sqliteDialect, now))
  }

  commit(change: LedgerChange): Promise<boolean> {
    return this.#changes.add(change)
  }

  override hurry(isHurried: boolean): void {
    super.hurry(isHurried)
    this.#changes.hurry(isHurried)
  }

  async #writeAll(changes: LedgerChange[]): Promise<(boolean | Error)[]> {
    const outcomes: (boolean | Error)[] = []
    await this.#write(async db => {
      for (const change of changes) {
        const renewal = isRenewal(change) && this.#headers.has(change.issue.license) ? change : null
        outcomes.push(
          await this.#apart(() => {
            if (renewal === null || !this.#renewals.write(renewal)) return applyChange(db, change)
          }),
        )
      }
    })
    for (const [index, { issue }] of changes.entries()) {
      if (outcomes[index] === true && issue !== undefined) this.#headers.add(issue.license)
    }
    return outcomes
  }

  /** Applies one change of a batch, so that its failure undoes it alone. */
  async #apart(apply: () => void | Promise<void>): Promise<boolean | Error> {
    const { set, undo, release } = this.#savepoint
    set.run()
    try {
      await apply()
      release.run()
      return true
    } catch (error) {
      if (isFatal(error)) throw error
      undo.run()
      release.run()
      if (error instanceof Conflict || isUniqueViolation(error)) return false
      return error instanceof Error ? error : new Error(messageOf(error))
    }
  }

  /** Runs `work` in a transaction that excludes all other writers. */
  async #write(work: (db: Kysely<Tables>) => Promise<void>): Promise<void> {
    await this.#writer.connection().execute(async db => {
      await this.#begin(db)
      try {
        await work(db)
        await sql`commit`.execute(db)
      } catch (error) {
        // A full disk has rolled back by itself already.
        await sql`rollback`.execute(db).catch(() => undefined)
        throw faultOf(error)
      }
    })
  }

  /** Waits for other processes without blocking this one: SQLite's own waiting would stop the event loop. */
  async #begin(db: Kysely<Tables>): Promise<void> {
    const deadline = performance.now() + this.#busyMs
    for (;;) {
      try {
        await sql`begin immediate`.execute(db)
        return
      } catch (error) {
        if (!isBusy(error) || performance.now() > deadline) throw faultOf(error)
        await setTimeout(1 + Math.random() * 4)
      }
    }
  }

  async snapshot<Result>(work: (reader: LedgerReader) => Promise<Result>): Promise<Result> {
    // A connection of its own: the one for reading carries one reader after the other.
    const db = kyselyOn(openDatabase(this.#path))
    try {
      return await db.connection().execute(async connection => {
        await sql`begin`.execute(connection)
        return work(new SqlReader(connection))
      })
    } finally {
      await db.destroy()
    }
  }

  async ping(): Promise<void> {
    await sql`select count(*) from schema_migration`.execute(this.#reader).catch(error => {
      throw faultOf(error)
    })
  }

  async close(): Promise<void> {
    await this.#changes.idle()
    await this.#reader.destroy()
    await this.#writer.destroy()
  }
}

function openDatabase(path: string): Database.Database {
  try {
    // Made with the right mode, rather than changed to it later. One that is there is not touched: to close it would let
    // go of the locks of the first connection, and whoever else closes the ledger then takes away its log, to which
    // this process goes on writing.
    if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600))
    const database = new Database(path, { timeout: 0 })
    database.pragma('journal_mode = wal')
    database.pragma('synchronous = full')
    database.pragma('foreign_keys = on')
    return database
  } catch (cause) {
    throw new Fault('ledger-unavailable', `The ledger ${path} cannot be opened: ${messageOf(cause)}.`, {
      hint: 'See that its folder exists and that this user may write there.',
      cause,
    })
  }
}

function kyselyOn(database: Database.Database): Kysely<Tables> {
  const statements = new Map<string, Database.Statement>()
  const prepare = (text: string) => {
    const known = statements.get(text)
    if (known !== undefined) return known
    // The program has some dozens of statements; lists in them vary, so there is a bound all the same.
    if (statements.size >= 500) statements.clear()
    const statement = database.prepare(text)
    statements.set(text, statement)
    return statement
  }
  return new KyselyClass<Tables>({
    dialect: new SqliteDialect({
      database: { close: () => database.close(), prepare: prepare as never },
    }),
  })
}

function codeOf(error: unknown): string {
  return error instanceof Database.SqliteError ? error.code : ''
}

function isBusy(error: unknown): boolean {
  return codeOf(error).startsWith('SQLITE_BUSY')
}

function isUniqueViolation(error: unknown): boolean {
  return ['SQLITE_CONSTRAINT_UNIQUE', 'SQLITE_CONSTRAINT_PRIMARYKEY'].includes(codeOf(error))
}

/** Errors after which the transaction itself may be gone. */
function isFatal(error: unknown): boolean {
  return /^SQLITE_(FULL|IOERR|NOMEM|CORRUPT|NOTADB|READONLY|INTERRUPT)/.test(codeOf(error))
}

function faultOf(error: unknown): unknown {
  if (codeOf(error) === '') return error
  return new Fault('ledger-unavailable', `The ledger cannot be used now: ${messageOf(error)}.`, {
    hint: 'See the disk of the ledger, and whether another program holds it.',
    retryable: true,
    cause: error,
  })
}
