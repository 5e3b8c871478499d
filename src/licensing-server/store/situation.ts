import { type Kysely, type SelectQueryBuilder, sql } from 'kysely'
import type { Situation } from '../ledger/model.ts'
import { toCustomer, toInstallation, toIssue, toPool, toTransfer } from './rows.ts'
import type { Tables } from './tables.ts'

/**
 * The columns of each table of the joined row, which come as `table__column`. The text of the license is as long as
 * all the others together, and needed by nobody but who repeats a request.
 */
const columns = {
  installation: [
    'installation_id',
    'revision',
    'customer_id',
    'pool_id',
    'units',
    'generation',
    'jkt',
    'fingerprint',
    'hostname',
    'version',
    'state',
    'standing',
    'created_at',
    'licensed_at',
    'event_sequence',
    'event_hash',
  ],
  pool: ['pool_id', 'revision', 'customer_id', 'product', 'total', 'claimed', 'terms', 'created_at'],
  customer: ['customer_id', 'revision', 'name', 'representative', 'created_at'],
  issue: [
    'installation_id',
    'generation',
    'license_id',
    'request_id',
    'request_digest',
    'deactivated',
    'issued_at',
  ],
  transfer: [
    'transfer_id',
    'revision',
    'pool_id',
    'from_installation_id',
    'to_installation_id',
    'key_id',
    'state',
    'units',
    'deactivation_license_ids',
    'confirmation',
    'declaration',
    'created_at',
  ],
} as const

type Joined = keyof typeof columns

/**
 * Installations with their pools, customers, last issues and transfers, in one statement: so everything is as of
 * one instant, and costs one round trip.
 */
export function situationsQuery(
  db: Kysely<Tables>,
): SelectQueryBuilder<Tables, Joined, Record<string, unknown>> {
  const selections = Object.entries(columns).flatMap(([table, names]) =>
    names.map(name => `${table}.${name} as ${table}__${name}`),
  )
  const query = db
    .selectFrom('installation')
    .innerJoin('pool', 'pool.pool_id', 'installation.pool_id')
    .innerJoin('customer', 'customer.customer_id', 'installation.customer_id')
    .leftJoin('issue', 'issue.installation_id', 'installation.installation_id')
    .leftJoin('transfer', join =>
      join
        .onRef('transfer.from_installation_id', '=', 'installation.installation_id')
        .on('transfer.state', '<>', sql.lit('cancelled')),
    )
  return query.select(selections as never[]) as never
}

export function toSituation(row: Record<string, unknown>): Situation {
  return {
    customer: toCustomer(take(row, 'customer')),
    pool: toPool(take(row, 'pool')),
    installation: toInstallation(take(row, 'installation')),
    issue: row['issue__installation_id'] === null ? null : toIssue(take(row, 'issue')),
    transfer: row['transfer__transfer_id'] === null ? null : toTransfer(take(row, 'transfer')),
  }
}

/** Each table's columns with the names under which they come. */
const sources = Object.fromEntries(
  Object.entries(columns).map(([table, names]) => [
    table,
    names.map(name => [name, `${table}__${name}`] as const),
  ]),
) as Record<Joined, (readonly [string, string])[]>

function take<Name extends Joined>(row: Record<string, unknown>, table: Name): Tables[Name] {
  const taken: Record<string, unknown> = {}
  for (const [name, source] of sources[table]) taken[name] = row[source]
  return taken as never
}
