import {
  type ChainHead,
  chainStart,
  openEvent,
  type SealedEvent,
  sealEvent,
} from '../../../src/licensing-server/ledger/chain.ts'
import { installationStream } from '../../../src/licensing-server/ledger/events.ts'
import type {
  Customer,
  Installation,
  InstallationKey,
  Issue,
  LedgerChange,
  Pool,
  Situation,
  Transfer,
} from '../../../src/licensing-server/ledger/model.ts'
import {
  compareInstallation,
  emptyInstallationBook,
  enterInstallationEvent,
} from '../../../src/licensing-server/ledger/replay-installation.ts'
import {
  comparePool,
  emptyPoolBook,
  enterPoolEvent,
} from '../../../src/licensing-server/ledger/replay-pool.ts'

/**
 * The ledger on paper: carries out decisions one after the other in memory, for properties over random histories.
 * What the real stores do beyond that is tested on them.
 */
export class PaperLedger {
  readonly customers = new Map<string, Customer>()
  readonly pools = new Map<string, Pool>()
  readonly keys = new Map<string, InstallationKey>()
  readonly installations = new Map<string, Installation>()
  readonly transfers = new Map<string, Transfer>()
  readonly issues = new Map<string, Issue>()
  readonly events: SealedEvent[] = []

  apply(change: LedgerChange): void {
    const { customer, pool, claim, key, installation, transfer, issue } = change
    if (customer !== undefined) put(this.customers, customer.customerId, customer)
    if (pool !== undefined) put(this.pools, pool.poolId, pool)
    if (claim !== undefined) {
      const before = this.pools.get(claim.poolId)!
      this.pools.set(claim.poolId, { ...before, claimed: before.claimed + claim.taken })
    }
    if (key !== undefined) put(this.keys, key.keyId, key)
    if (transfer !== undefined) put(this.transfers, transfer.transferId, transfer)
    if (issue !== undefined) this.issues.set(issue.installationId, issue)
    for (const event of change.events) this.events.push(sealEvent(event, this.#endOf(event.stream)))
    if (installation === undefined) return
    const { sequence, hash } = this.#endOf(installationStream(installation.installationId))
    put(this.installations, installation.installationId, { ...installation, head: { sequence, hash } })
  }

  #endOf(stream: string): ChainHead {
    return this.events.findLast(event => event.stream === stream) ?? chainStart
  }

  situation(installationId: string): Situation {
    const installation = this.installations.get(installationId)!
    const transfer = [...this.transfers.values()].find(
      ({ fromInstallationId, state }) => fromInstallationId === installationId && state !== 'cancelled',
    )
    return {
      customer: this.customers.get(installation.customerId)!,
      pool: this.pools.get(installation.poolId)!,
      installation,
      issue: this.issues.get(installationId) ?? null,
      transfer: transfer ?? null,
    }
  }

  /** Everything that `ledger verify` would find. */
  flaws(): string[] {
    const streams = Map.groupBy(this.events, ({ stream }) => stream)
    return [...streams].flatMap(([stream, rows]) => {
      const flaws: string[] = []
      const [kind, id] = stream.split('/')
      const pool = emptyPoolBook()
      const installation = emptyInstallationBook()
      let head = chainStart
      for (const row of rows) {
        const opened = openEvent(row, head)
        if (!opened.ok) return [opened.why]
        head = opened.head
        const flaw =
          kind === 'pool'
            ? enterPoolEvent(pool, opened.event)
            : kind === 'installation'
              ? enterInstallationEvent(installation, opened.event)
              : null
        if (flaw !== null) flaws.push(flaw)
      }
      if (kind === 'installation')
        return [...flaws, ...compareInstallation(installation, this.situation(id!), head)]
      if (kind !== 'pool') return flaws
      const ofPool = <Row extends { poolId: string }>(all: Map<string, Row>) =>
        [...all.values()].filter(({ poolId }) => poolId === id)
      const rowsOf = {
        pool: this.pools.get(id!)!,
        installations: ofPool(this.installations),
        transfers: ofPool(this.transfers),
        keys: ofPool(this.keys),
      }
      return [...flaws, ...comparePool(pool, rowsOf)]
    })
  }
}

function put<Row extends { revision: number }>(rows: Map<string, Row>, id: string, row: Row): void {
  if ((rows.get(id)?.revision ?? 0) !== row.revision) throw new Error(`${id} was changed meanwhile`)
  rows.set(id, { ...row, revision: row.revision + 1 })
}
