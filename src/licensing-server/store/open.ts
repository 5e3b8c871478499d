import { Fault } from '../../errors.ts'
import { openPostgresLedger, type PostgresOptions } from './postgres.ts'
import { openSqliteLedger } from './sqlite.ts'
import type { LedgerStore } from './store.ts'

/**
 * Opens the ledger at `location`: the path of a SQLite file, or the URL of a PostgreSQL database
 * (`postgres://…`). The schema is brought up to date; one newer than this program is refused. `timeoutMs` is
 * for SQLite the wait for another process that writes.
 */
export async function openLedger(location: string, options: PostgresOptions = {}): Promise<LedgerStore> {
  if (/^postgres(ql)?:\/\//.test(location)) return openPostgresLedger(location, options)
  if (!/^[a-z][a-z0-9+.-]+:\/\//i.test(location)) {
    const { timeoutMs, ...rest } = options
    return openSqliteLedger(location, timeoutMs === undefined ? rest : { ...rest, busyMs: timeoutMs })
  }
  throw new Fault('usage', 'The ledger is the path of a file, or a URL that begins with postgres://.', {
    hint: 'For example --ledger /var/lib/licensing-server/ledger.sqlite.',
  })
}
