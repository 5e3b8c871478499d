import { formatInstant } from '../../license/instant.ts'
import { versionInRange } from '../../license/version-range.ts'
import { deactivateByLicense, grantLicense, type Offer, suspicionAlone } from './grant-license.ts'
import { judgeCopy, noteSuspicion } from './judge-copy.ts'
import { termsEndAt } from './license-terms.ts'
import {
  type Customer,
  type InstallationKey,
  type MachineSearch,
  type Pool,
  type Situation,
  type Transfer,
  unitOf,
} from './model.ts'
import { answerRepeat, type LicenseDecision, type Question, refuse } from './question.ts'
import { type Refusal, refusal } from './refusals.ts'
import { compareMachines, type History } from './same-machine.ts'

/** A key whose secret was right, with what it opens. */
export interface Keyed {
  key: InstallationKey
  pool: Pool
  customer: Customer
  /** Where the key belongs to one. */
  transfer: Transfer | null
  /** The installations among which this machine was looked for. */
  seen: string[]
}

/** Decides a request that names its installation and shows no key. */
export function decideReactivation(
  question: Question,
  situation: Situation,
  history: History,
): LicenseDecision {
  const { installation, pool, customer } = situation
  const { installationId } = installation
  const representative = customer.representative
  if (question.jkt !== installation.jkt) {
    // Only a key that this installation once had tells of a copy; anybody can send a request with another.
    const change = history.keys.has(question.jkt)
      ? noteSuspicion(question, installation, 'replaced-key')
      : null
    return refuse(refusal('other-machine-key', { installationId, representative }), change)
  }
  const repeat = answerRepeat(question, situation)
  if (repeat !== null) return repeat
  const wrong = findWrongProduct(question, pool, customer) ?? findWithoutFacts(question)
  if (wrong !== null) return refuse(wrong)
  return decideForMachine(question, situation, history, null)
}

/**
 * Decides a request that shows a key. `situation` is that of the installation that is this machine already,
 * by key or fingerprint; null where there is none.
 */
export function decideActivation(
  question: Question,
  keyed: Keyed,
  situation: Situation | null,
  history: History,
): LicenseDecision {
  const { key, pool, customer } = keyed
  const representative = customer.representative
  if (situation !== null) {
    const repeat = answerRepeat(question, situation)
    if (repeat !== null) return repeat
  }
  if (key.revokedAt !== null) {
    return refuse(refusal('installation-key-revoked', { keyId: key.keyId, representative }))
  }
  const wrong = findWrongProduct(question, pool, customer) ?? findWithoutFacts(question)
  if (wrong !== null) return refuse(wrong)
  const unready = findUnreadyTransfer(keyed, situation)
  if (unready !== null) return refuse(unready)
  const { keyId, revision } = key
  const offer: Offer = { customer, pool, keyId, transfer: waiting(keyed.transfer) }
  if (situation !== null) {
    return decideForMachine(question, situation, history, {
      ...offer,
      premises: { key: { keyId, revision } },
    })
  }
  const outside = findOutsideTerms(question, pool, customer)
  if (outside !== null) return refuse(outside)
  const machine = { ...machineSearchOf(question, keyed), seen: keyed.seen }
  const premises = { key: { keyId, revision }, machine }
  return grantLicense(question, { ...offer, premises }, null, { standing: 'good', events: [] })
}

/** Where to look for the machine that shows a key: among what its customer has of the product. */
export function machineSearchOf({ request, jkt }: Question, { pool }: Pick<Keyed, 'pool'>): MachineSearch {
  const { customerId, product } = pool
  return { customerId, product, jkt, fingerprint: request.fingerprint }
}

/** Decides for a machine that has an installation. `keyed`: what its key offers; null where it showed none. */
function decideForMachine(
  question: Question,
  situation: Situation,
  history: History,
  keyed: Offer | null,
): LicenseDecision {
  const { installation, pool, customer, transfer } = situation
  const { installationId, state } = installation
  const representative = customer.representative
  const match = compareMachines(installation.fingerprint, question.request.fingerprint)
  if (!match.matches) {
    const change = noteSuspicion(question, installation, 'other-hardware')
    const { explanation } = match
    return refuse(refusal('other-machine', { installationId, explanation, representative }), change)
  }
  if (keyed !== null && keyed.pool.poolId !== pool.poolId) {
    const owned = { owned: installation.units, unit: unitOf(pool.product), representative }
    return refuse(refusal('installed-from-other-pool', owned))
  }
  const anew = keyed !== null && isSetUpAnew(question, situation)
  const judged = judgeCopy(question, situation, history, anew)
  if (!judged.served) return refuse(judged.refusal)
  if (state !== 'active') {
    return deactivateByLicense(question, { customer, pool }, installation, transferOf(transfer), judged)
  }
  const outside = findOutsideTerms(question, pool, customer)
  if (outside !== null) return refuse(outside, suspicionAlone(installation, judged))
  const offer = keyed ?? { customer, pool, keyId: null, transfer: null }
  return grantLicense(question, offer, installation, judged)
}

/** True where the machine brings no license of this installation, or another key than it was activated with. */
function isSetUpAnew({ request, jkt }: Question, { installation }: Situation): boolean {
  if (request.generation === 0 || request.installationId !== installation.installationId) return true
  return jkt !== installation.jkt
}

/** An installation leaves `active` only by a transfer, so there is one. */
function transferOf(transfer: Transfer | null): Transfer {
  if (transfer === null) throw new TypeError('An installation that is not active has no transfer.')
  return transfer
}

function waiting(transfer: Transfer | null): Transfer | null {
  return transfer?.state === 'waiting' ? transfer : null
}

function findWrongProduct({ request }: Question, pool: Pool, customer: Customer): Refusal | null {
  const { product } = request
  if (product === pool.product) return null
  const { representative } = customer
  return refusal('other-product', { product, licensed: pool.product, representative })
}

function findWithoutFacts({ request, demonstration }: Question): Refusal | null {
  return request.fingerprint !== null || demonstration ? null : refusal('machine-without-facts', {})
}

/** The key of a transfer opens nothing before the old machine is deactivated, and only one machine after. */
function findUnreadyTransfer(keyed: Keyed, situation: Situation | null): Refusal | null {
  const { transfer, customer } = keyed
  const { representative } = customer
  if (transfer === null || transfer.state === 'waiting') return null
  if (transfer.state === 'completed') {
    const isThisMachine = situation?.installation.installationId === transfer.toInstallationId
    return isThisMachine ? null : refusal('transfer-key-used', { representative })
  }
  return refusal('transfer-unconfirmed', { installationId: transfer.fromInstallationId, representative })
}

function findOutsideTerms({ request, now }: Question, pool: Pool, customer: Customer): Refusal | null {
  const { versions, expiresAt } = pool.terms
  const { representative } = customer
  if (!versionInRange(request.version, versions)) {
    return refusal('version-not-covered', { version: request.version, ...versions, representative })
  }
  const endsAt = termsEndAt(pool.terms)
  if (endsAt === null || now <= endsAt) return null
  return refusal('pool-expired', { expiredAt: formatInstant(Date.parse(expiresAt ?? '')), representative })
}
