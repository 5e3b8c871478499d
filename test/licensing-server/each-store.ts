import { join } from 'node:path'
import tap, { type Test } from 'tap'
import { openLedger } from '../../src/licensing-server/store/open.ts'
import type { LedgerStore } from '../../src/licensing-server/store/store.ts'
import { TestPostgres, whyNoPostgres } from '../support/postgres.ts'

/** One empty ledger, that any number of stores can open. */
export interface EmptyLedger {
  kind: 'SQLite' | 'PostgreSQL'
  location: string
  /** Opens it; closed when the test ends. */
  open(): Promise<LedgerStore>
  /** Carries out one statement beside the program, as somebody who tampers would. */
  tamper(statement: string): Promise<void>
}

let postgres: Promise<TestPostgres> | null = null

/** Runs the same test on both kinds of ledger. */
export function onEachStore(name: string, body: (t: Test, ledger: EmptyLedger) => Promise<unknown>): void {
  void tap.test(`${name} (SQLite)`, async t => {
    await body(t, sqliteLedger(t))
  })
  const skip = whyNoPostgres()
  void tap.test(`${name} (PostgreSQL)`, { skip }, async t => {
    postgres ??= startPostgres()
    await body(t, await postgresLedger(t, await postgres))
  })
}

async function startPostgres(): Promise<TestPostgres> {
  const server = await TestPostgres.start()
  tap.teardown(() => server.stop())
  return server
}

function sqliteLedger(t: Test): EmptyLedger {
  const location = join(t.testdir({}), 'ledger.sqlite')
  return {
    kind: 'SQLite',
    location,
    open: () => openUntilEnd(t, location),
    async tamper(statement) {
      const { default: Database } = await import('better-sqlite3')
      const database = new Database(location)
      database.exec(statement)
      database.close()
    },
  }
}

async function postgresLedger(t: Test, server: TestPostgres): Promise<EmptyLedger> {
  const location = await server.createDatabase()
  return {
    kind: 'PostgreSQL',
    location,
    open: () => openUntilEnd(t, location),
    async tamper(statement) {
      await server.query(location, statement)
    },
  }
}

async function openUntilEnd(t: Test, location: string): Promise<LedgerStore> {
  const store = await openLedger(location)
  t.teardown(() => store.close())
  return store
}
