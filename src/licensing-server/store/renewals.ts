import { type Kysely, type RawBuilder, sql } from 'kysely'
import { installationStream } from '../ledger/events.ts'
import type { LedgerChange } from '../ledger/model.ts'
import { sealOwnStream } from './own-stream.ts'
import { bigintArray, textArray } from './postgres-arrays.ts'
import { fromInstallation, fromIssue } from './rows.ts'
import type { Tables } from './tables.ts'

/** What nearly every change is: a reactivation that claims nothing. Only one installation's own rows change. */
export type Renewal = Required<Pick<LedgerChange, 'installation' | 'issue' | 'events'>>

export function isRenewal(change: LedgerChange): change is Renewal {
  const { installation, issue, events, machineChanged, ...others } = change
  if (installation === undefined || installation.revision === 0 || issue === undefined) return false
  if (machineChanged === true || Object.values(others).some(other => other !== undefined)) return false
  const stream = installationStream(installation.installationId)
  return events.every(event => event.stream === stream)
}

const renewed = [
  'units',
  'generation',
  'jkt',
  'fingerprint',
  'hostname',
  'version',
  'state',
  'standing',
  'licensed_at',
  'event_sequence',
  'event_hash',
] as const
const issued = [
  'generation',
  'license_id',
  'request_id',
  'request_digest',
  'deactivated',
  'header_id',
  'license',
  'issued_at',
] as const

const names = (columns: readonly string[], prefix = '') =>
  sql.join(columns.map(column => sql.raw(`${prefix}${column}`)))
const assignments = (columns: readonly string[], source: string): RawBuilder<unknown> =>
  sql.join(columns.map(column => sql.raw(`${column} = ${source}.${column}`)))

type Row = Record<string, string | number | null>

/** Rows as a table that stands in FROM, each column an array. Columns of numbers hold no null. */
function unnest(rows: readonly Row[], columns: readonly string[]): RawBuilder<unknown> {
  const arrays = columns.map(column => {
    const values = rows.map(row => row[column])
    return typeof values[0] === 'number'
      ? sql`${bigintArray(values as number[])}::bigint[]`
      : sql`${textArray(values as (string | null)[])}::text[]`
  })
  return sql`unnest(${sql.join(arrays)})`
}

const inputColumns = [...new Set(['installation_id', 'revision', ...renewed, ...issued])]
const eventColumns = ['installation_id', 'stream', 'sequence', 'body', 'hash']

/**
 * Writes many renewals in one statement, which is one round trip and one fsync for all of them. Returns the
 * installations that were written; the others had another revision by now. PostgreSQL.
 */
export async function writeRenewals(db: Kysely<Tables>, renewals: Renewal[]): Promise<Set<string>> {
  const rows: Row[] = []
  const events: Row[] = []
  for (const renewal of renewals) {
    const { installation = renewal.installation, sealed } = sealOwnStream(renewal)
    const { installationId, revision } = installation
    rows.push({ ...fromInstallation(installation), ...fromIssue(renewal.issue), revision })
    for (const event of sealed) events.push({ installation_id: installationId, ...event })
  }
  const { rows: written } = await sql<{ installation_id: string }>`
    with input as (
      select * from ${unnest(rows, inputColumns)} as row (${names(inputColumns)})
    ), renewed as (
      update installation set revision = input.revision + 1, ${assignments(renewed, 'input')}
      from input
      where installation.installation_id = input.installation_id and installation.revision = input.revision
      returning installation.installation_id
    ), issued as (
      insert into issue (installation_id, ${names(issued)})
      select input.installation_id, ${names(issued, 'input.')} from input join renewed using (installation_id)
      on conflict (installation_id) do update set ${assignments(issued, 'excluded')}
    ), logged as (
      insert into event (stream, sequence, body, hash)
      select told.stream, told.sequence, told.body, told.hash
      from ${unnest(events, eventColumns)} as told (${names(eventColumns)})
      join renewed using (installation_id)
      order by told.stream, told.sequence
    )
    select installation_id from renewed`.execute(db)
  return new Set(written.map(row => row.installation_id))
}
