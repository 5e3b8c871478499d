import type { MachineFingerprint } from '../../license/fingerprint.ts'
import type { PoolTerms, Standing } from './model.ts'
import type { Representative } from './refusals.ts'

/**
 * What happened, as the ledger tells it. Each event belongs to one stream, and each stream is a hash chain
 * of its own (chain.ts), so that two changes that have nothing to do with each other do not wait for
 * each other. The streams hang together: a pool is opened in the stream `vendor`, an installation is
 * first mentioned (`claimed`, `transfer-taken`) in the stream of its pool.
 */
export interface LedgerEventData {
  // Stream `vendor`
  'customer-added': { customerId: string; name: string; representative: Representative }
  'customer-changed': { customerId: string; name: string; representative: Representative }
  'pool-registered': { poolId: string; customerId: string }
  'revocation-list-published': { root: string; number: number; revoked: number }
  // Stream `pool/ID`: everything that moves units
  'pool-opened': { customerId: string; product: string; total: number; terms: PoolTerms }
  'units-added': { units: number; total: number }
  'terms-changed': { terms: PoolTerms }
  'key-created': { keyId: string; label: string; transferId: string | null }
  'key-revoked': { keyId: string }
  claimed: { installationId: string; units: number; keyId: string | null }
  'claim-raised': { installationId: string; from: number; to: number }
  'transfer-started': { transferId: string; installationId: string }
  'transfer-cancelled': { transferId: string; installationId: string }
  /** The claim leaves the installation and waits with the transfer. `declaration`: of a dead machine. */
  'transfer-released': {
    transferId: string
    installationId: string
    units: number
    declaration: string | null
  }
  'transfer-taken': { transferId: string; installationId: string; units: number }
  // Stream `installation/ID`: everything that concerns one machine
  licensed: {
    generation: number
    licenseId: string
    requestId: string
    requestDigest: string
    jkt: string
    units: number
    deactivated: boolean
    /** Where the request's generation was not the last one: which it was. */
    askedAs?: number
    /** Unanswered requests of the machine that the request named, if any: from now on they are outdated. */
    earlierRequestIds?: string[]
    /** The same of requests from before the license that the machine had. */
    overtakenRequestIds?: string[]
    /** Only where it differs from the one before. */
    fingerprint?: MachineFingerprint | null
  }
  'clone-suspected': { reason: SuspicionReason; generation: number; askedAs: number; jkt: string }
  'standing-changed': { from: Standing; to: Standing; note: string }
  leaving: { transferId: string }
  stays: { transferId: string }
  deactivated: { transferId: string; declared: boolean }
  'deactivation-confirmed': { transferId: string; licenseId: string; requestId: string }
}

/** Why a second copy is suspected. */
export type SuspicionReason = 'stale-generation' | 'replaced-key' | 'other-hardware'

export type LedgerEventType = keyof LedgerEventData

export type LedgerEvent = {
  [Type in LedgerEventType]: {
    stream: string
    at: number
    by: string
    type: Type
    data: LedgerEventData[Type]
  }
}[LedgerEventType]

/** Who acts (`machine`, or the person at the command line), and when (milliseconds since the epoch). */
export interface Act {
  by: string
  now: number
}

export function eventOf<Type extends LedgerEventType>(
  stream: string,
  act: Act,
  type: Type,
  data: LedgerEventData[Type],
): LedgerEvent {
  // The union of all events is what each of them is; the compiler cannot see it for a type that is still open.
  return { stream, at: act.now, by: act.by, type, data } as unknown as LedgerEvent
}

export const vendorStream = 'vendor'
export const poolStream = (poolId: string) => `pool/${poolId}`
export const installationStream = (installationId: string) => `installation/${installationId}`
