import { type Kysely, sql } from 'kysely'
import { type ChainHead, chainStart, type SealedEvent, sealEvents } from '../ledger/chain.ts'
import type { LedgerEvent } from '../ledger/events.ts'
import type { Installation, LedgerChange, Pool, Premises } from '../ledger/model.ts'
import { splitLicense } from './license-header.ts'
import { sealOwnStream } from './own-stream.ts'
import { SqlReader } from './reader.ts'
import {
  factsOf,
  fromCustomer,
  fromInstallation,
  fromIssue,
  fromKey,
  fromPool,
  fromTransfer,
} from './rows.ts'
import type { Tables } from './tables.ts'

/** Something that the change rests on is not as it was. Ends the transaction; not an error. */
export class Conflict extends Error {
  constructor() {
    super('The rows have changed since they were read.')
  }
}

type Revised = 'customer' | 'pool' | 'installation_key' | 'installation' | 'transfer'

/**
 * Writes a change inside of a transaction that is open already; throws Conflict where it cannot be written.
 * Rows are taken in one order (customer, pool, key, installation, transfer), so that two transactions
 * wait for each other at most, and never both.
 */
export async function applyChange(db: Kysely<Tables>, change: LedgerChange): Promise<void> {
  const { customer, pool, claim, key, transfer, issue, revocationList, premises } = change
  const { installation, sealed, others } = sealOwnStream(change)
  if (customer !== undefined)
    await put(db, 'customer', 'customer_id', fromCustomer(customer), customer.revision)
  if (premises?.machine !== undefined) await lockCustomer(db, premises.machine.customerId)
  if (pool !== undefined) await putPool(db, pool)
  if (claim !== undefined) await takeClaim(db, claim)
  if (premises !== undefined) await checkPremises(db, premises)
  // A key or an installation that belongs to a new transfer is written before it and names it.
  if (installation !== undefined) await putInstallation(db, installation, change.machineChanged === true)
  if (transfer !== undefined)
    await put(db, 'transfer', 'transfer_id', fromTransfer(transfer), transfer.revision)
  if (key !== undefined) await put(db, 'installation_key', 'key_id', fromKey(key), key.revision)
  if (issue !== undefined) await putIssue(db, issue)
  if (revocationList !== undefined) await putRevocationList(db, revocationList)
  await insertEvents(db, [...sealed, ...(await sealOthers(db, others))])
}

/** Inserts a row of revision 0, or replaces the row of exactly that revision. */
async function put(
  db: Kysely<Tables>,
  table: Revised,
  idColumn: string,
  row: object,
  revision: number,
): Promise<void> {
  const values = { ...row, revision: revision + 1 } as never
  if (revision === 0) {
    const { numInsertedOrUpdatedRows } = await db
      .insertInto(table)
      .values(values)
      .onConflict(conflict => conflict.doNothing())
      .executeTakeFirstOrThrow()
    return expectOne(numInsertedOrUpdatedRows)
  }
  const id = (row as Record<string, string>)[idColumn]
  const { numUpdatedRows } = await db
    .updateTable(table)
    .set(values)
    .where(sql.ref(idColumn), '=', id)
    .where('revision', '=', revision)
    .executeTakeFirstOrThrow()
  expectOne(numUpdatedRows)
}

function expectOne(rows: bigint | undefined): void {
  if (rows !== 1n) throw new Conflict()
}

async function putPool(db: Kysely<Tables>, pool: Pool): Promise<void> {
  const row = pool.revision === 0 ? { ...fromPool(pool), claimed: 0 } : fromPool(pool)
  await put(db, 'pool', 'pool_id', row, pool.revision)
}

/** Adds to what is claimed, if the pool has it. This row stays locked until the end: claims of one pool queue here. */
async function takeClaim(
  db: Kysely<Tables>,
  { poolId, revision, taken }: NonNullable<LedgerChange['claim']>,
): Promise<void> {
  const { numUpdatedRows } = await db
    .updateTable('pool')
    .set(eb => ({ claimed: eb('claimed', '+', taken) }))
    .where('pool_id', '=', poolId)
    .where('revision', '=', revision)
    .where(eb => eb(eb('claimed', '+', taken), '<=', eb.ref('total')))
    .executeTakeFirstOrThrow()
  expectOne(numUpdatedRows)
}

/** New installations of one customer come one after the other, so that no machine is taken for two. */
async function lockCustomer(db: Kysely<Tables>, customerId: string): Promise<void> {
  // An update that changes nothing locks in both databases by the same words.
  const { numUpdatedRows } = await db
    .updateTable('customer')
    .set(eb => ({ revision: eb.ref('revision') }))
    .where('customer_id', '=', customerId)
    .executeTakeFirstOrThrow()
  expectOne(numUpdatedRows)
}

async function checkPremises(db: Kysely<Tables>, { key, machine }: Premises): Promise<void> {
  if (key !== undefined) {
    const row = await db
      .selectFrom('installation_key')
      .select('revision')
      .where('key_id', '=', key.keyId)
      .executeTakeFirst()
    if (row?.revision !== key.revision) throw new Conflict()
  }
  if (machine === undefined) return
  const now = await new SqlReader(db).candidates(machine)
  if (now.some(({ installationId }) => !machine.seen.includes(installationId))) throw new Conflict()
}

async function putInstallation(
  db: Kysely<Tables>,
  installation: Installation,
  machineChanged: boolean,
): Promise<void> {
  const { installationId, fingerprint, revision } = installation
  await put(db, 'installation', 'installation_id', fromInstallation(installation), revision)
  if (!machineChanged) return
  await db.deleteFrom('machine_fact').where('installation_id', '=', installationId).execute()
  const facts = factsOf(fingerprint).map(fact => ({ fact, installation_id: installationId }))
  if (facts.length > 0) await db.insertInto('machine_fact').values(facts).execute()
}

async function putIssue(db: Kysely<Tables>, issue: NonNullable<LedgerChange['issue']>): Promise<void> {
  const row = fromIssue(issue)
  const { headerId, header } = splitLicense(issue.license)
  await db
    .insertInto('license_header')
    .values({ header_id: headerId, text: header })
    .onConflict(conflict => conflict.doNothing())
    .execute()
  await db
    .insertInto('issue')
    .values(row)
    .onConflict(conflict => conflict.column('installation_id').doUpdateSet(row))
    .execute()
}

async function putRevocationList(
  db: Kysely<Tables>,
  list: NonNullable<LedgerChange['revocationList']>,
): Promise<void> {
  const { root, number, text } = list
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('revocation_list')
    .values({ root, number, text })
    .onConflict(conflict =>
      conflict.column('root').doUpdateSet({ number, text }).where('revocation_list.number', '<', number),
    )
    .executeTakeFirstOrThrow()
  expectOne(numInsertedOrUpdatedRows)
}

/** Seals events as the next links of their streams. Another writer of a stream makes the later one a Conflict. */
async function sealOthers(db: Kysely<Tables>, events: readonly LedgerEvent[]): Promise<SealedEvent[]> {
  const sealed: SealedEvent[] = []
  for (const [stream, ofStream] of Map.groupBy(events, event => event.stream)) {
    sealed.push(...sealEvents(ofStream, await headOf(db, stream)))
  }
  return sealed
}

async function insertEvents(db: Kysely<Tables>, events: SealedEvent[]): Promise<void> {
  if (events.length === 0) return
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('event')
    .values(events)
    .onConflict(conflict => conflict.columns(['stream', 'sequence']).doNothing())
    .executeTakeFirstOrThrow()
  if (numInsertedOrUpdatedRows !== BigInt(events.length)) throw new Conflict()
}

async function headOf(db: Kysely<Tables>, stream: string): Promise<ChainHead> {
  const row = await db
    .selectFrom('event')
    .select(['sequence', 'hash'])
    .where('stream', '=', stream)
    .orderBy('sequence', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row ?? chainStart
}
