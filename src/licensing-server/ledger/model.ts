import type { License } from '../../license/document.ts'
import type { Product } from '../../license/fields.ts'
import type { MachineFingerprint } from '../../license/fingerprint.ts'
import type { ChainHead } from './chain.ts'
import type { LedgerEvent } from './events.ts'
import type { Representative, Unit } from './refusals.ts'

// What the ledger keeps. Instants are milliseconds since the epoch. Nothing here is ever deleted.

/**
 * Every row counts its changes; 0 in one that is not written yet. A decision is made on rows as they were
 * read, and is written only where they still are so: see LedgerChange.
 */
export interface Revised {
  revision: number
}

export interface Customer extends Revised {
  customerId: string
  name: string
  representative: Representative
  createdAt: number
}

/** What a license of the pool grants besides its number; a reactivation brings the latest. */
export type PoolTerms = Pick<
  License,
  | 'versions'
  | 'features'
  | 'expiresAt'
  | 'graceDays'
  | 'reactivation'
  | 'overdraft'
  | 'reservationsAllowed'
  | 'offlineAdmission'
  | 'emergencyClass'
>

/**
 * What a customer bought. Invariant (Law 7): `claimed` is the sum of all claims on it, and at most `total`.
 * Its revision counts changes of total and terms, not claims: those add up, whoever comes first.
 */
export interface Pool extends Revised {
  poolId: string
  customerId: string
  product: Product
  total: number
  claimed: number
  terms: PoolTerms
  createdAt: number
}

/** A secret that claims from a pool; of it only a hash is kept. */
export interface InstallationKey extends Revised {
  /** The public part of the key, by which it is looked up and spoken of. */
  keyId: string
  poolId: string
  secretHash: string
  /** The transfer whose claim this key takes over; null: a key that claims from the pool. */
  transferId: string | null
  label: string
  createdAt: number
  revokedAt: number | null
}

/**
 * `active`      owns its claim.
 * `leaving`     a transfer was started; it still owns its claim, and its next license grants nothing.
 * `deactivated` owns nothing any more, by its own confirmation or by a declaration. Final.
 */
export type InstallationState = 'active' | 'leaving' | 'deactivated'

/**
 * `good`            nothing is held against it.
 * `clone-suspected` a second copy was seen; only the copy that was licensed last is served.
 * `cleared`         the representative has cleared it: its next request, whatever its generation, is the one machine.
 * `blocked`         the representative has blocked it: it gets no license.
 */
export type Standing = 'good' | 'clone-suspected' | 'cleared' | 'blocked'

/** One machine's activated copy. */
export interface Installation extends Revised {
  installationId: string
  customerId: string
  poolId: string
  /** The claim: what it owns of the pool. */
  units: number
  /** Of the license issued last. */
  generation: number
  /** Thumbprint of the machine's key. */
  jkt: string
  fingerprint: MachineFingerprint | null
  hostname: string
  version: string
  state: InstallationState
  standing: Standing
  createdAt: number
  licensedAt: number
  /** Where its stream of events ends. Every event of it comes with a change of this row, so nobody else adds one. */
  head: ChainHead
}

/**
 * `leaving`   the old machine has not confirmed; it owns the claim.
 * `waiting`   the transfer owns the claim, until a machine takes it over.
 * `completed` a machine took it over. Final.
 * `cancelled` called off before the old machine confirmed. Final.
 */
export type TransferState = 'leaving' | 'waiting' | 'completed' | 'cancelled'

export interface Transfer extends Revised {
  transferId: string
  poolId: string
  fromInstallationId: string
  toInstallationId: string | null
  /** The key that takes the claim over. */
  keyId: string
  state: TransferState
  /** What it owns while it waits, else 0. */
  units: number
  /** Licenses that deactivate the old machine; its confirmation names one. The newest 16. */
  deactivationLicenseIds: string[]
  /** The machine's signed confirmation, kept as evidence. */
  confirmation: string | null
  /** What the customer declared of a dead machine. */
  declaration: string | null
  createdAt: number
}

/** What is known of the license that an installation received last, and of the request that it answered. */
export interface Issue {
  installationId: string
  generation: number
  licenseId: string
  requestId: string
  /** Of the request's text: the same id with another digest is another request. */
  requestDigest: string
  deactivated: boolean
  issuedAt: number
}

/** With the license itself, which is given again when its request is repeated. */
export interface SignedIssue extends Issue {
  license: string
}

/**
 * What one decision changes: new rows whole, and the events that tell of it. A store writes all of it in one
 * transaction, or nothing where a row has another revision by now, the pool has less left than is taken, or
 * a premise does not hold any more. Then the decision is made again on what there is.
 */
export interface LedgerChange {
  customer?: Customer
  /** A new pool, or another total or other terms. `claimed` is not written: it changes by `claim` alone. */
  pool?: Pool
  claim?: { poolId: string; revision: number; taken: number }
  key?: InstallationKey
  installation?: Installation
  /** True where the fingerprint of the installation is not the one before, or it is new. */
  machineChanged?: boolean
  transfer?: Transfer
  issue?: SignedIssue
  revocationList?: StoredRevocationList
  events: LedgerEvent[]
  premises?: Premises
}

/** What a decision rests on without changing it. */
export interface Premises {
  /** The key that was shown is as it was: not withdrawn. */
  key?: Pick<InstallationKey, 'keyId' | 'revision'>
  /** No installation but those that were looked at can be the machine of the new one. */
  machine?: MachineSearch & { seen: string[] }
}

/** Whose installations may be a machine, and by what. */
export interface MachineSearch {
  customerId: string
  product: Product
  jkt: string
  fingerprint: MachineFingerprint | null
}

/** The newest revocation list of one root. */
export interface StoredRevocationList {
  /** SHA-256 of the root's public key. */
  root: string
  number: number
  text: string
}

/** An installation with everything that a decision about it needs. */
export interface Situation {
  customer: Customer
  pool: Pool
  installation: Installation
  /** Null only for an installation of a ledger that was restored without its issues. */
  issue: Issue | null
  /** The transfer that it is leaving or left by. */
  transfer: Transfer | null
}

export function unitOf(product: Product): Unit {
  return product === 'studio' ? 'seats' : 'sessions'
}
