import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient, sql } from 'kysely'
import pg from 'pg'
import { Fault, messageOf } from '../../errors.ts'
import type { LedgerChange } from '../ledger/model.ts'
import { applyChange, Conflict } from './apply.ts'
import { Batcher } from './batcher.ts'
import { BatchingReader, maxBatch, pace } from './batching-reader.ts'
import { Gate } from './gate.ts'
import { KeptHeaders } from './license-header.ts'
import { migrateSchema } from './migrate.ts'
import { postgresDialect } from './migrations.ts'
import { SqlReader } from './reader.ts'
import { isRenewal, type Renewal, writeRenewals } from './renewals.ts'
import type { LedgerReader, LedgerStore } from './store.ts'
import type { Tables } from './tables.ts'

export interface PostgresOptions {
  /** Connections of this process; each carries one commit at a time. */
  connections?: number
  /** How long one statement, and the wait for a connection, may take. */
  timeoutMs?: number
  now?: () => number
  /** Told of connections that break while nobody uses them. */
  onProblem?: (problem: Fault) => void
}

/** Held while the schema is changed, so that servers that start together do it one after the other. */
const migrationLock = 7_426_198_304

/**
 * Opens the ledger in a PostgreSQL database and brings its schema up to date. `url` as libpq writes it:
 * `postgres://user@host/database`, or `postgres:///database?host=/run/postgresql` for a Unix socket. Any
 * number of servers may share it.
 */
export async function openPostgresLedger(url: string, options: PostgresOptions = {}): Promise<LedgerStore> {
  const { connections = 10, timeoutMs = 10_000, now = Date.now, onProblem } = options
  const pool = new pg.Pool({
    connectionString: url,
    max: connections,
    connectionTimeoutMillis: timeoutMs,
    statement_timeout: timeoutMs,
    idle_in_transaction_session_timeout: timeoutMs,
    application_name: 'licensing-server',
    types: { getTypeParser },
  })
  // Without a listener a database that restarts would end this process. The next query connects anew.
  pool.on('error', error => onProblem?.(faultOf(error) as Fault))
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: preparing(pool) }) })
  const store = new PostgresLedger(db, connections)
  try {
    await store.migrate(now())
  } catch (error) {
    await store.close()
    throw error
  }
  return store
}

/** Counts and instants are far below 2^53, so that 64-bit integers are numbers here. */
const bigint = 20
const getTypeParser = ((oid: number, format?: 'text' | 'binary') =>
  oid === bigint ? Number : pg.types.getTypeParser(oid, format as 'text')) as typeof pg.types.getTypeParser

/**
 * The pool as Kysely sees it: every statement is prepared once a connection, by a name of its own (that halves
 * what a statement costs), and every error is one of ours.
 */
function preparing(pool: pg.Pool): PostgresPool {
  const names = new Map<string, string>()
  const clients = new WeakMap<pg.PoolClient, PostgresPoolClient>()
  const nameOf = (text: string) => {
    // Lists in statements vary in length, so there is a bound; beyond it a statement goes unprepared.
    if (!names.has(text) && names.size < 500) names.set(text, `s${names.size}`)
    return names.get(text)
  }
  const clientOf = (client: pg.PoolClient) => {
    const query = (text: string, values: unknown[]) =>
      client.query({ name: nameOf(text), text, values } as pg.QueryConfig).catch(error => {
        throw faultOf(error)
      })
    const release = (destroy?: boolean) => client.release(destroy)
    return { query, release } as unknown as PostgresPoolClient
  }
  return {
    options: pool.options,
    end: () => pool.end(),
    async connect() {
      const client = await pool.connect().catch(error => {
        throw faultOf(error)
      })
      const known = clients.get(client) ?? clientOf(client)
      clients.set(client, known)
      return known
    },
  }
}

class PostgresLedger extends BatchingReader implements LedgerStore {
  readonly #db: Kysely<Tables>
  readonly #renewals: Batcher<Renewal, boolean>
  readonly #headers = new KeptHeaders()
  /** Claims of one customer wait for each other. Some connections are left for what need not wait. */
  readonly #transactions: Gate

  constructor(db: Kysely<Tables>, connections: number) {
    super(db, sql`installation.installation_id = any(${[]})`, ids => ids)
    this.#db = db
    this.#transactions = new Gate(Math.max(1, Math.floor(connections / 2)))
    this.#renewals = new Batcher(maxBatch, renewals => this.#renew(renewals), pace)
  }

  async migrate(now: number): Promise<void> {
    await this.#transaction(async db => {
      await sql`select pg_advisory_xact_lock(${migrationLock})`.execute(db)
      await migrateSchema(db, postgresDialect, now)
    })
  }

  async commit(change: LedgerChange): Promise<boolean> {
    if (isRenewal(change) && this.#headers.has(change.issue.license)) return this.#renewals.add(change)
    const isWritten = await this.#commitAlone(change)
    if (isWritten && change.issue !== undefined) this.#headers.add(change.issue.license)
    return isWritten
  }

  override hurry(isHurried: boolean): void {
    super.hurry(isHurried)
    this.#renewals.hurry(isHurried)
  }

  async #renew(renewals: Renewal[]): Promise<(boolean | Error)[]> {
    // Two of one installation cannot both be written; one statement would write either, or both at once.
    const first = new Map(renewals.map(renewal => [renewal.installation.installationId, renewal]))
    try {
      const written = await writeRenewals(this.#db, [...first.values()])
      return renewals.map(
        renewal =>
          first.get(renewal.installation.installationId) === renewal &&
          written.has(renewal.installation.installationId),
      )
    } catch (error) {
      if (!isRace(error)) throw error
      return Promise.all(renewals.map(renewal => this.#commitAlone(renewal)))
    }
  }

  async #commitAlone(change: LedgerChange): Promise<boolean> {
    try {
      await this.#transactions.run(() => this.#transaction(db => applyChange(db, change)))
      return true
    } catch (error) {
      if (error instanceof Conflict || isRace(error)) return false
      throw error
    }
  }

  async #transaction(work: (db: Kysely<Tables>) => Promise<void>): Promise<void> {
    await this.#db.transaction().execute(work)
  }

  async snapshot<Result>(work: (reader: LedgerReader) => Promise<Result>): Promise<Result> {
    return this.#db
      .transaction()
      .setIsolationLevel('repeatable read')
      .setAccessMode('read only')
      .execute(db => work(new SqlReader(db)))
  }

  async ping(): Promise<void> {
    await sql`select count(*) from schema_migration`.execute(this.#db)
  }

  async close(): Promise<void> {
    await this.#db.destroy()
  }
}

/** Unique violation, serialization failure, deadlock: another transaction was first. */
function isRace(error: unknown): boolean {
  return ['23505', '40001', '40P01'].includes(String((error as { code?: unknown }).code))
}

/** Errors of the data or of a statement stay what they are; everything else is the database's being away. */
function faultOf(error: unknown): unknown {
  const code = (error as { code?: unknown }).code
  const isOfStatement = typeof code === 'string' && /^(22|23|40|42|P0)/.test(code)
  if (error instanceof Fault || error instanceof Conflict || isOfStatement) return error
  return new Fault('ledger-unavailable', `The ledger's database does not answer: ${messageOf(error)}.`, {
    hint: 'See that PostgreSQL runs and that the URL of the ledger is right.',
    retryable: true,
    cause: error,
  })
}
