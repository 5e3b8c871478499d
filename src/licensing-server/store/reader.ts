import type { Kysely } from 'kysely'
import type { SealedEvent } from '../ledger/chain.ts'
import type {
  Customer,
  Installation,
  InstallationKey,
  MachineSearch,
  Pool,
  Situation,
  StoredRevocationList,
  Transfer,
  TransferState,
} from '../ledger/model.ts'
import { factsOf, toCustomer, toInstallation, toKey, toPool, toTransfer } from './rows.ts'
import { situationsQuery, toSituation } from './situation.ts'
import { type InstallationFilter, type LedgerReader, maxCandidates, pageSize } from './store.ts'
import type { Tables } from './tables.ts'

/** Reads the ledger from either database. */
export class SqlReader implements LedgerReader {
  readonly #db: Kysely<Tables>

  constructor(db: Kysely<Tables>) {
    this.#db = db
  }

  async customer(customerId: string): Promise<Customer | null> {
    const row = await this.#db
      .selectFrom('customer')
      .selectAll()
      .where('customer_id', '=', customerId)
      .executeTakeFirst()
    return row === undefined ? null : toCustomer(row)
  }

  async customers({ after = '' }: { after?: string } = {}): Promise<Customer[]> {
    const rows = await this.#db
      .selectFrom('customer')
      .selectAll()
      .where('customer_id', '>', after)
      .orderBy('customer_id')
      .limit(pageSize)
      .execute()
    return rows.map(toCustomer)
  }

  async pool(poolId: string): Promise<Pool | null> {
    const row = await this.#db.selectFrom('pool').selectAll().where('pool_id', '=', poolId).executeTakeFirst()
    return row === undefined ? null : toPool(row)
  }

  async pools(filter: { customerId?: string; after?: string } = {}): Promise<Pool[]> {
    const { customerId, after = '' } = filter
    const rows = await this.#db
      .selectFrom('pool')
      .selectAll()
      .where('pool_id', '>', after)
      .$if(customerId !== undefined, query => query.where('customer_id', '=', customerId ?? ''))
      .orderBy('pool_id')
      .limit(pageSize)
      .execute()
    return rows.map(toPool)
  }

  async key(keyId: string): Promise<InstallationKey | null> {
    const row = await this.#db
      .selectFrom('installation_key')
      .selectAll()
      .where('key_id', '=', keyId)
      .executeTakeFirst()
    return row === undefined ? null : toKey(row)
  }

  async keys(filter: { poolId?: string; after?: string } = {}): Promise<InstallationKey[]> {
    const { poolId, after = '' } = filter
    const rows = await this.#db
      .selectFrom('installation_key')
      .selectAll()
      .where('key_id', '>', after)
      .$if(poolId !== undefined, query => query.where('pool_id', '=', poolId ?? ''))
      .orderBy('key_id')
      .limit(pageSize)
      .execute()
    return rows.map(toKey)
  }

  async situation(installationId: string): Promise<Situation | null> {
    const rows = await situationsQuery(this.#db)
      .where('installation.installation_id', '=', installationId)
      .execute()
    return rows[0] === undefined ? null : toSituation(rows[0])
  }

  async issuedLicense(licenseId: string, installationId: string): Promise<string | null> {
    const row = await this.#db
      .selectFrom('issue')
      .innerJoin('license_header', 'license_header.header_id', 'issue.header_id')
      .select(['license_header.text', 'issue.license'])
      .where('installation_id', '=', installationId)
      .where('license_id', '=', licenseId)
      .executeTakeFirst()
    return row === undefined ? null : `${row.text}.${row.license}`
  }

  async installations(filter: InstallationFilter = {}): Promise<Installation[]> {
    const { customerId, poolId, product, standing, state, after = '' } = filter
    let query = this.#db
      .selectFrom('installation')
      .innerJoin('pool', 'pool.pool_id', 'installation.pool_id')
      .selectAll('installation')
      .where('installation_id', '>', after)
    if (customerId !== undefined) query = query.where('installation.customer_id', '=', customerId)
    if (poolId !== undefined) query = query.where('installation.pool_id', '=', poolId)
    if (product !== undefined) query = query.where('pool.product', '=', product)
    if (standing !== undefined) query = query.where('installation.standing', '=', standing)
    if (state !== undefined) query = query.where('installation.state', '=', state)
    const rows = await query.orderBy('installation_id').limit(pageSize).execute()
    return rows.map(toInstallation)
  }

  async candidates(search: MachineSearch): Promise<Installation[]> {
    const { customerId, product, jkt, fingerprint } = search
    const living = this.#db
      .selectFrom('installation')
      .innerJoin('pool', 'pool.pool_id', 'installation.pool_id')
      .where('installation.customer_id', '=', customerId)
      .where('pool.product', '=', product)
      .where('installation.state', '<>', 'deactivated')
    const byKey = await living.selectAll('installation').where('jkt', '=', jkt).execute()
    const facts = factsOf(fingerprint)
    if (facts.length === 0) return byKey.map(toInstallation)
    const byFacts = await living
      .innerJoin('machine_fact', 'machine_fact.installation_id', 'installation.installation_id')
      .where('machine_fact.fact', 'in', facts)
      .groupBy('installation.installation_id')
      .select('installation.installation_id')
      .orderBy(eb => eb.fn.countAll(), 'desc')
      .orderBy('installation.installation_id')
      .limit(maxCandidates)
      .execute()
    const others = byFacts
      .map(row => row.installation_id)
      .filter(id => byKey.every(row => row.installation_id !== id))
    if (others.length === 0) return byKey.map(toInstallation)
    const rows = await this.#db
      .selectFrom('installation')
      .selectAll()
      .where('installation_id', 'in', others)
      .execute()
    return [...byKey, ...rows].map(toInstallation)
  }

  async transfer(transferId: string): Promise<Transfer | null> {
    const row = await this.#db
      .selectFrom('transfer')
      .selectAll()
      .where('transfer_id', '=', transferId)
      .executeTakeFirst()
    return row === undefined ? null : toTransfer(row)
  }

  async transfers(
    filter: { poolId?: string; state?: TransferState; after?: string } = {},
  ): Promise<Transfer[]> {
    const { poolId, state, after = '' } = filter
    let query = this.#db.selectFrom('transfer').selectAll().where('transfer_id', '>', after)
    if (poolId !== undefined) query = query.where('pool_id', '=', poolId)
    if (state !== undefined) query = query.where('state', '=', state)
    const rows = await query.orderBy('transfer_id').limit(pageSize).execute()
    return rows.map(toTransfer)
  }

  async revocationLists(): Promise<StoredRevocationList[]> {
    return this.#db.selectFrom('revocation_list').selectAll().orderBy('root').execute()
  }

  async latestEvents(stream: string, limit: number): Promise<SealedEvent[]> {
    const rows = await this.#db
      .selectFrom('event')
      .select(['stream', 'sequence', 'body', 'hash'])
      .where('stream', '=', stream)
      .orderBy('sequence', 'desc')
      .limit(limit)
      .execute()
    return rows.reverse()
  }

  async eventsByStream(after: { stream: string; sequence: number } | null): Promise<SealedEvent[]> {
    const { stream, sequence } = after ?? { stream: '', sequence: 0 }
    return this.#db
      .selectFrom('event')
      .select(['stream', 'sequence', 'body', 'hash'])
      .where(({ eb, refTuple, tuple }) => eb(refTuple('stream', 'sequence'), '>', tuple(stream, sequence)))
      .orderBy('stream')
      .orderBy('sequence')
      .limit(pageSize)
      .execute()
  }
}
