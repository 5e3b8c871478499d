import { type Kysely, sql } from 'kysely'
import { Fault } from '../../errors.ts'
import { type Dialect, migrations } from './migrations.ts'
import type { Tables } from './tables.ts'

/** The schema that this program writes and reads. */
export const schemaVersion = Math.max(...migrations.map(({ version }) => version))

/**
 * Brings the schema up to this program's, inside of a transaction that is open already and excludes others: all
 * of it, or nothing. A Fault `ledger-schema-newer` where a newer program was here.
 */
export async function migrateSchema(db: Kysely<Tables>, dialect: Dialect, now: number): Promise<void> {
  const { integer, tableOptions } = dialect
  await sql
    .raw(
      `create table if not exists schema_migration
        (version ${integer} primary key, name text not null, applied_at ${integer} not null)${tableOptions}`,
    )
    .execute(db)
  const done = await db.selectFrom('schema_migration').select('version').execute()
  const current = Math.max(0, ...done.map(({ version }) => version))
  if (current > schemaVersion) {
    throw new Fault(
      'ledger-schema-newer',
      `The ledger has schema ${current}; this program knows schemas up to ${schemaVersion}.`,
      { hint: 'Run the newer version of the licensing server that wrote it.' },
    )
  }
  for (const { version, name, statements } of migrations.filter(other => other.version > current)) {
    for (const statement of statements(dialect)) await sql.raw(statement).execute(db)
    await db.insertInto('schema_migration').values({ version, name, applied_at: now }).execute()
  }
}
