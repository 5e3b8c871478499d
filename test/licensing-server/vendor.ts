import type { X509Certificate } from 'node:crypto'
import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readTrustedRoots } from '../../src/license/chain.ts'
import type { License } from '../../src/license/document.ts'
import { fingerprintOf, type MachineFacts } from '../../src/license/fingerprint.ts'
import { createMachineRequest, type MachineRequestContent } from '../../src/license/machine-request.ts'
import { verifyLicense } from '../../src/license/verify.ts'
import { type Administration, createAdministration } from '../../src/licensing-server/administration.ts'
import { authorityPaths, readIssuer } from '../../src/licensing-server/authority-files.ts'
import type { Pool, PoolTerms } from '../../src/licensing-server/ledger/model.ts'
import { usualTerms } from '../../src/licensing-server/ledger/pools.ts'
import { createLicensingService, type LicensingOptions } from '../../src/licensing-server/licensing.ts'
import type { Answer, LicenseAnswer, LicensingService } from '../../src/licensing-server/service.ts'
import type { LedgerStore } from '../../src/licensing-server/store/store.ts'
import { authorityFolder } from '../support/site.ts'

export const trustedRoots: X509Certificate[] = readTrustedRoots([
  { name: 'root.pem', pem: readFileSync(join(authorityFolder, authorityPaths.trustedRoot), 'utf8') },
])

export const representative = { name: 'Ada Lovelace', email: 'ada@vendor.example', phone: '+44 20 7946 0000' }
export const poolTerms: PoolTerms = { ...usualTerms, versions: { from: '5.0', to: '5.x' } }

/** The vendor's side on one ledger: service, representative, and a clock that only the test turns. */
export class Vendor {
  readonly store: LedgerStore
  readonly service: LicensingService
  readonly admin: Administration
  now = Date.parse('2026-11-24T12:00:00Z')

  constructor(store: LedgerStore, options: Partial<LicensingOptions> = {}) {
    this.store = store
    const issuer = readIssuer(authorityFolder, this.now)
    const now = () => this.now
    this.service = createLicensingService({ store, issuer: () => issuer, now, ...options })
    this.admin = createAdministration({ store, by: 'ada', now })
  }

  /** A vendor with the customer `acme`. */
  static async withCustomer(store: LedgerStore, options: Partial<LicensingOptions> = {}): Promise<Vendor> {
    const vendor = new Vendor(store, options)
    await vendor.admin.addCustomer({ customerId: 'acme', name: 'Acme Telephony', representative })
    return vendor
  }

  /** A pool of the customer, with a key for it. */
  async pool(
    total: number,
    changes: { product?: Pool['product']; terms?: Partial<PoolTerms>; poolId?: string } = {},
  ): Promise<{ poolId: string; key: string }> {
    const { product = 'call-services', terms = {}, poolId = `pool-${randomUUID().slice(0, 8)}` } = changes
    await this.admin.openPool({
      poolId,
      customerId: 'acme',
      product,
      total,
      terms: { ...poolTerms, ...terms },
    })
    const { text } = await this.admin.createKey(poolId, 'first key')
    return { poolId, key: text }
  }

  async claimed(poolId: string): Promise<number> {
    return (await this.store.pool(poolId))?.claimed ?? -1
  }

  days(number: number): void {
    this.now += number * 86_400_000
  }
}

/** A machine with its key, its facts, and the license that it has installed. */
export class Machine {
  product: MachineRequestContent['product'] = 'call-services'
  version = '5.0.3'
  facts: MachineFacts
  privateKey: KeyObject = newMachineKey()
  license: License | null = null
  earlierRequestIds: string[] = []

  constructor(facts: MachineFacts = randomFacts()) {
    this.facts = facts
  }

  /** A copy of the whole machine as it is now: disk and hardware, as of a virtual machine. */
  clone(): Machine {
    const copy = new Machine(this.facts)
    Object.assign(copy, { ...this, earlierRequestIds: [...this.earlierRequestIds] })
    copy.privateKey = createPrivateKey(this.privateKey.export({ type: 'pkcs8', format: 'pem' }))
    return copy
  }

  /** The text of a new request, as the daemon would make it. */
  async request(changes: Partial<MachineRequestContent> & { requestId?: string } = {}): Promise<string> {
    const { requestId = randomUUID(), ...content } = changes
    return createMachineRequest(
      {
        product: this.product,
        version: this.version,
        installationId: this.license?.installationId ?? null,
        generation: this.license?.generation ?? 0,
        sessions: null,
        fingerprint: fingerprintOf(this.facts),
        hostname: 'call-1',
        earlierRequestIds: this.earlierRequestIds,
        deactivationOf: null,
        ...content,
      },
      { privateKey: this.privateKey, requestId, now: Date.parse('2026-11-24T12:00:00Z') },
    )
  }

  /** Installs the license of an answer after verifying it, as the daemon would; returns it. */
  async install(answer: Answer): Promise<License> {
    if (answer.kind !== 'license') throw new Error(`No license: ${JSON.stringify(answer)}`)
    this.license = await readLicense(answer)
    this.earlierRequestIds = []
    return this.license
  }

  async activate(vendor: Vendor, installationKey: string, sessions?: number): Promise<Answer> {
    const answer = await vendor.service.activate(await this.request({ sessions: sessions ?? null }), {
      installationKey,
    })
    if (answer.kind === 'license') await this.install(answer)
    return answer
  }

  async reactivate(vendor: Vendor, sessions?: number): Promise<Answer> {
    const answer = await vendor.service.reactivate(await this.request({ sessions: sessions ?? null }))
    if (answer.kind === 'license') await this.install(answer)
    return answer
  }

  /** The signed statement that it runs no more on the license that it has. */
  async confirm(vendor: Vendor): Promise<Answer> {
    const deactivationOf = this.license?.licenseId ?? null
    return vendor.service.confirmDeactivation(await this.request({ deactivationOf }))
  }
}

/** The payload of a license, after everything in it was verified but that it fits this machine. */
export async function readLicense(answer: LicenseAnswer): Promise<License> {
  const verdict = await verifyLicense(answer.license, {
    trustedRoots,
    revoked: new Set(),
    product: answer.unit === 'seats' ? 'studio' : 'call-services',
    version: '5.0.0',
    fingerprint: 'not-compared',
    machineJkt: 'not-compared',
    now: 0,
  })
  if (!verdict.ok) throw new Error(`${verdict.problem.code}: ${verdict.problem.message}`)
  return verdict.license
}

export function newMachineKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
}

export function randomFacts(): MachineFacts {
  const mac = randomBytes(5).toString('hex').match(/../g)?.join(':')
  return {
    machineId: randomBytes(16).toString('hex'),
    productUuid: randomUUID(),
    macs: [`02:${mac}`],
    cpuModel: 'AMD EPYC 7302P 16-Core Processor',
  }
}

/** The code of a refusal, or the kind of another answer: what most tests look at. */
export function codeOf(answer: Answer): string {
  return answer.kind === 'refused' ? answer.refusal.code : answer.kind
}
