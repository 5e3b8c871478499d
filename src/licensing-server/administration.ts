import { randomBytes, randomUUID, type X509Certificate } from 'node:crypto'
import { Fault } from '../errors.ts'
import type { Product } from '../license/fields.ts'
import { verifyRevocationList } from '../license/revocation.ts'
import { type Act, eventOf, vendorStream } from './ledger/events.ts'
import { installationKeyRandomBytes, makeInstallationKey } from './ledger/installation-key.ts'
import { createKey, revokeKey } from './ledger/keys.ts'
import type {
  Customer,
  Installation,
  InstallationKey,
  LedgerChange,
  Pool,
  PoolTerms,
  Situation,
  Transfer,
} from './ledger/model.ts'
import { addUnits, changeTerms, openPool, putCustomer } from './ledger/pools.ts'
import type { Representative } from './ledger/refusals.ts'
import { blockInstallation, clearInstallation } from './ledger/standing.ts'
import { cancelTransfer, forceTransfer, startTransfer } from './ledger/transfers.ts'
import type { LedgerStore } from './store/store.ts'

/**
 * What an account representative does to the ledger. Every act is an event with the name of who did it. Faults
 * `customer-unknown`, `pool-unknown`, `key-unknown`, `installation-unknown`, `transfer-unknown` where there is
 * no such thing; others where it cannot be done.
 */
export interface Administration {
  addCustomer(of: { customerId: string; name: string; representative: Representative }): Promise<Customer>
  changeCustomer(
    customerId: string,
    to: { name?: string; representative?: Partial<Representative> },
  ): Promise<Customer>
  openPool(of: {
    poolId?: string
    customerId: string
    product: Product
    total: number
    terms: PoolTerms
  }): Promise<Pool>
  /** Cures a pool that has run out. */
  addUnits(poolId: string, units: number): Promise<Pool>
  changeTerms(poolId: string, changes: Partial<PoolTerms>): Promise<Pool>
  /** `text` is the key itself, which nobody can show again. */
  createKey(poolId: string, label: string): Promise<{ text: string; key: InstallationKey }>
  revokeKey(keyId: string): Promise<InstallationKey>
  /** `text` is the key that takes the claim over, once the old machine has confirmed. */
  startTransfer(installationId: string): Promise<{ transfer: Transfer; text: string }>
  /** `text` is null where the transfer had been started, and its key shown, before. */
  forceTransfer(
    installationId: string,
    declaration: string,
  ): Promise<{ transfer: Transfer; text: string | null }>
  cancelTransfer(transferId: string): Promise<Transfer>
  clearInstallation(installationId: string, note: string): Promise<Installation>
  blockInstallation(installationId: string, note: string): Promise<Installation>
  /** Keeps a signed revocation list of one of the roots; machines receive it with their next reactivation. */
  publishRevocationList(text: string, roots: readonly X509Certificate[]): Promise<PublishedList>
}

export interface PublishedList {
  root: string
  number: number
  revoked: number
  /** False where it had been published before. */
  isNew: boolean
}

export interface AdministrationOptions {
  store: LedgerStore
  /** Who acts, as it will stand in the events. */
  by: string
  now?: () => number
}

export function createAdministration(options: AdministrationOptions): Administration {
  return new LedgerAdministration(options)
}

const maxAttempts = 10

class LedgerAdministration implements Administration {
  readonly #store: LedgerStore
  readonly #by: string
  readonly #now: () => number

  constructor({ store, by, now = Date.now }: AdministrationOptions) {
    this.#store = store
    this.#by = by
    this.#now = now
  }

  async addCustomer(of: Parameters<Administration['addCustomer']>[0]): Promise<Customer> {
    const { customerId } = of
    await this.#change(async act => {
      if ((await this.#store.customer(customerId)) !== null) throw exists('customer', customerId)
      return putCustomer(null, of, act)
    })
    return this.#customer(customerId)
  }

  async changeCustomer(
    customerId: string,
    to: { name?: string; representative?: Partial<Representative> },
  ): Promise<Customer> {
    await this.#change(async act => {
      const before = await this.#customer(customerId)
      const representative = { ...before.representative, ...to.representative }
      return putCustomer(before, { customerId, name: to.name ?? before.name, representative }, act)
    })
    return this.#customer(customerId)
  }

  async openPool(of: Parameters<Administration['openPool']>[0]): Promise<Pool> {
    const poolId = of.poolId ?? `pool-${shortId()}`
    await this.#change(async act => {
      if ((await this.#store.pool(poolId)) !== null) throw exists('pool', poolId)
      return openPool(await this.#customer(of.customerId), { ...of, poolId }, act)
    })
    return this.#pool(poolId)
  }

  async addUnits(poolId: string, units: number): Promise<Pool> {
    await this.#change(async act => addUnits(await this.#pool(poolId), units, act))
    return this.#pool(poolId)
  }

  async changeTerms(poolId: string, changes: Partial<PoolTerms>): Promise<Pool> {
    await this.#change(async act => changeTerms(await this.#pool(poolId), changes, act))
    return this.#pool(poolId)
  }

  async createKey(poolId: string, label: string): Promise<{ text: string; key: InstallationKey }> {
    // Made anew in each attempt: that its id is taken already is one of the ways to fail.
    let made = newKey()
    await this.#change(async act => {
      made = newKey()
      return createKey(await this.#pool(poolId), made, label, act)
    })
    return { text: made.text, key: await this.#key(made.keyId) }
  }

  async revokeKey(keyId: string): Promise<InstallationKey> {
    await this.#change(async act => revokeKey(await this.#key(keyId), act))
    return this.#key(keyId)
  }

  async startTransfer(installationId: string): Promise<{ transfer: Transfer; text: string }> {
    const transferId = `transfer-${shortId()}`
    let made = newKey()
    await this.#change(async act => {
      made = newKey()
      return startTransfer(await this.#situation(installationId), { transferId, key: made }, act)
    })
    return { transfer: await this.#transfer(transferId), text: made.text }
  }

  async forceTransfer(
    installationId: string,
    declaration: string,
  ): Promise<{ transfer: Transfer; text: string | null }> {
    const transferId = `transfer-${shortId()}`
    let made = newKey()
    const { key, transfer } = await this.#change(async act => {
      made = newKey()
      const situation = await this.#situation(installationId)
      return forceTransfer(situation, { transferId, key: made }, declaration, act)
    })
    const text = key === undefined ? null : made.text
    return { transfer: await this.#transfer(transfer?.transferId ?? transferId), text }
  }

  async cancelTransfer(transferId: string): Promise<Transfer> {
    await this.#change(async act => {
      const transfer = await this.#transfer(transferId)
      const situation = await this.#situation(transfer.fromInstallationId)
      return cancelTransfer(situation, transfer, await this.#key(transfer.keyId), act)
    })
    return this.#transfer(transferId)
  }

  async clearInstallation(installationId: string, note: string): Promise<Installation> {
    await this.#change(async act =>
      clearInstallation((await this.#situation(installationId)).installation, note, act),
    )
    return (await this.#situation(installationId)).installation
  }

  async blockInstallation(installationId: string, note: string): Promise<Installation> {
    await this.#change(async act =>
      blockInstallation((await this.#situation(installationId)).installation, note, act),
    )
    return (await this.#situation(installationId)).installation
  }

  async publishRevocationList(text: string, roots: readonly X509Certificate[]): Promise<PublishedList> {
    const verdict = await verifyRevocationList(text, roots)
    if (!verdict.ok) {
      const { code, message, hint } = verdict.problem
      throw new Fault(code, message, { hint })
    }
    const { root, number, revoked } = verdict.list
    const published = { root, number, revoked: revoked.length }
    const known = await this.#publishedNumber(root)
    if (known === number) return { ...published, isNew: false }
    await this.#change(async act => {
      const newer = await this.#publishedNumber(root)
      if (newer >= number) throw outdatedList(number, newer)
      return {
        revocationList: { root, number, text: text.trim() },
        events: [eventOf(vendorStream, act, 'revocation-list-published', published)],
      }
    })
    return { ...published, isNew: true }
  }

  /** The number of the list of this root that is published; 0 where there is none. */
  async #publishedNumber(root: string): Promise<number> {
    return (await this.#store.revocationLists()).find(list => list.root === root)?.number ?? 0
  }

  /** Decides and writes, and decides again where somebody else was first. */
  async #change(decide: (act: Act) => Promise<LedgerChange>): Promise<LedgerChange> {
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const change = await decide({ by: this.#by, now: this.#now() })
      if (await this.#store.commit(change)) return change
    }
    throw new Fault('ledger-busy', 'Others change the same rows of the ledger all the time.', {
      hint: 'Try again in a few seconds.',
      retryable: true,
    })
  }

  async #customer(customerId: string): Promise<Customer> {
    return (await this.#store.customer(customerId)) ?? unknown('customer', customerId)
  }

  async #pool(poolId: string): Promise<Pool> {
    return (await this.#store.pool(poolId)) ?? unknown('pool', poolId)
  }

  async #key(keyId: string): Promise<InstallationKey> {
    return (await this.#store.key(keyId)) ?? unknown('key', keyId)
  }

  async #transfer(transferId: string): Promise<Transfer> {
    return (await this.#store.transfer(transferId)) ?? unknown('transfer', transferId)
  }

  async #situation(installationId: string): Promise<Situation> {
    return (await this.#store.situation(installationId)) ?? unknown('installation', installationId)
  }
}

function newKey(): ReturnType<typeof makeInstallationKey> {
  return makeInstallationKey(randomBytes(installationKeyRandomBytes))
}

/** Eight hexadecimal digits: enough for what people name, and short enough to type. */
function shortId(): string {
  return randomUUID().slice(0, 8)
}

function exists(what: string, id: string): Fault {
  return new Fault(`${what}-exists`, `There is a ${what} ${id} already.`, {
    hint: `Those that there are: \`licensing-server ${what} list\`.`,
  })
}

function unknown(what: string, id: string): never {
  throw new Fault(`${what}-unknown`, `There is no ${what} ${id}.`, {
    hint: `Those that there are: \`licensing-server ${what} list\`.`,
  })
}

function outdatedList(number: number, newer: number): Fault {
  return new Fault('revocation-list-outdated', `List ${newer} is published already; this is ${number}.`, {
    hint: 'Publish the newest list, trust/revoked.jws of the licensing authority.',
  })
}
