import { chainStart } from './chain.ts'
import { decideClaim } from './claim.ts'
import {
  eventOf,
  installationStream,
  type LedgerEvent,
  type LedgerEventData,
  type LedgerEventType,
  poolStream,
} from './events.ts'
import { licenseOf } from './license-terms.ts'
import type { Customer, Installation, LedgerChange, Pool, Premises, Standing, Transfer } from './model.ts'
import { type LicenseDecision, machineAct, type Question, refuse } from './question.ts'

/** From what a license is granted. */
export interface Offer {
  customer: Customer
  pool: Pool
  /** The id of the key that was shown; null in a reactivation, which needs none. */
  keyId: string | null
  /** A waiting transfer that the key takes over, else null. */
  transfer: Transfer | null
  premises?: Premises
}

/** How the copy of the machine was judged. */
export interface Judged {
  standing: Standing
  events: LedgerEvent[]
}

/**
 * Grants a license to a machine that may have one: decides the claim, raises the generation, and gathers all
 * that is written. `before` is null for a machine that was not activated yet.
 */
export function grantLicense(
  question: Question,
  offer: Offer,
  before: Installation | null,
  judged: Judged,
): LicenseDecision {
  const { customer, pool, transfer } = offer
  const owned = before?.units ?? 0
  const moved = transfer?.units ?? 0
  const claim = decideClaim({
    pool,
    owned,
    moved,
    wish: question.wish,
    representative: customer.representative,
  })
  if (!claim.ok) return refuse(claim.refusal, suspicionAlone(before, judged))
  const after = installationAfter(question, offer, before, { units: claim.units, standing: judged.standing })
  const { installationId } = after
  const events: LedgerEvent[] = []
  const note = <Type extends LedgerEventType>(type: Type, data: LedgerEventData[Type]) =>
    events.push(eventOf(poolStream(pool.poolId), machineAct(question), type, data))
  if (transfer !== null) {
    note('transfer-taken', { transferId: transfer.transferId, installationId, units: moved })
  }
  if (owned + moved === 0) {
    note('claimed', { installationId, units: claim.units, keyId: offer.keyId })
  } else if (claim.taken > 0) {
    note('claim-raised', { installationId, from: owned + moved, to: claim.units })
  }
  const change: LedgerChange = { installation: after, events: [...events, ...judged.events] }
  if (offer.premises !== undefined) change.premises = offer.premises
  if (claim.taken > 0) {
    change.claim = { poolId: pool.poolId, revision: pool.revision, taken: claim.taken }
  }
  if (transfer !== null) {
    change.transfer = { ...transfer, state: 'completed', units: 0, toInstallationId: installationId }
  }
  return issue(question, { customer, pool }, before, after, change, false)
}

/** Issues the license that grants nothing to a machine whose claim is leaving or has left. */
export function deactivateByLicense(
  question: Question,
  offer: Pick<Offer, 'customer' | 'pool'>,
  before: Installation,
  transfer: Transfer,
  judged: Judged,
): LicenseDecision {
  const after = installationAfter(question, offer, before, {
    units: before.units,
    standing: judged.standing,
  })
  const deactivationLicenseIds = [...transfer.deactivationLicenseIds, question.fresh.licenseId].slice(-16)
  const change: LedgerChange = {
    installation: after,
    transfer: { ...transfer, deactivationLicenseIds },
    events: [...judged.events],
  }
  return issue(question, offer, before, after, change, true)
}

/** A suspicion is written even where the request is refused for another reason. */
export function suspicionAlone(before: Installation | null, judged: Judged): LedgerChange | null {
  if (before === null || judged.standing !== 'clone-suspected' || judged.events.length === 0) return null
  return { installation: { ...before, standing: judged.standing }, events: judged.events }
}

function installationAfter(
  question: Question,
  offer: Pick<Offer, 'customer' | 'pool'>,
  before: Installation | null,
  of: { units: number; standing: Standing },
): Installation {
  const { request, jkt, now, fresh } = question
  const { fingerprint, hostname, version } = request
  // A generation ahead of the ledger's tells of a ledger that was restored: the line goes on from there.
  const last = before === null ? 0 : Math.max(before.generation, lineGeneration(question, before))
  return {
    installationId: before?.installationId ?? fresh.installationId,
    revision: before?.revision ?? 0,
    customerId: offer.customer.customerId,
    poolId: offer.pool.poolId,
    ...of,
    generation: last + 1,
    jkt,
    fingerprint,
    hostname,
    version,
    state: before?.state ?? 'active',
    createdAt: before?.createdAt ?? now,
    licensedAt: now,
    head: before?.head ?? chainStart,
  }
}

/** The generation that the request carries, where it is one of this installation. */
function lineGeneration({ request }: Question, before: Installation): number {
  return request.installationId === before.installationId ? request.generation : 0
}

function issue(
  question: Question,
  offer: Pick<Offer, 'customer' | 'pool'>,
  before: Installation | null,
  after: Installation,
  change: LedgerChange,
  deactivated: boolean,
): LicenseDecision {
  const { request, digest, now, demonstration, fresh } = question
  const { installationId, generation, jkt, units, fingerprint } = after
  const { licenseId } = fresh
  const { requestId, earlierRequestIds = [], overtakenRequestIds = [] } = request
  const last = before?.generation ?? 0
  const askedAs = request.generation === last ? {} : { askedAs: request.generation }
  const drifted = JSON.stringify(fingerprint) !== JSON.stringify(before?.fingerprint)
  if (drifted) change.machineChanged = true
  const licensed = {
    generation,
    licenseId,
    requestId,
    requestDigest: digest,
    jkt,
    units: deactivated ? 0 : units,
    deactivated,
    ...askedAs,
    ...(earlierRequestIds.length > 0 ? { earlierRequestIds } : {}),
    ...(overtakenRequestIds.length > 0 ? { overtakenRequestIds } : {}),
    ...(drifted ? { fingerprint } : {}),
  }
  change.events.push(eventOf(installationStream(installationId), machineAct(question), 'licensed', licensed))
  return {
    kind: 'issue',
    license: licenseOf(
      { ...offer, installation: after },
      { licenseId, requestId, deactivated, demonstration, now },
    ),
    change,
    issue: {
      installationId,
      generation,
      licenseId,
      requestId,
      requestDigest: digest,
      deactivated,
      issuedAt: now,
    },
  }
}
