import type { License } from '../../license/document.ts'
import { licenseSchemaVersion } from '../../license/document.ts'
import { dayMs, formatInstant } from '../../license/instant.ts'
import { type Customer, type Installation, type Pool, type PoolTerms, unitOf } from './model.ts'

/** What is in force for one installation now: the payload of its license. */
export function licenseOf(
  of: { customer: Customer; pool: Pool; installation: Installation },
  document: {
    licenseId: string
    requestId: string
    deactivated: boolean
    demonstration: boolean
    now: number
  },
): License {
  const { customer, pool, installation } = of
  const { licenseId, requestId, deactivated, demonstration, now } = document
  const units = deactivated ? 0 : installation.units
  return {
    schema: licenseSchemaVersion,
    licenseId,
    installationId: installation.installationId,
    generation: installation.generation,
    requestId,
    customer: { id: customer.customerId, name: customer.name },
    product: pool.product,
    maxSessions: unitOf(pool.product) === 'sessions' ? units : 0,
    seats: unitOf(pool.product) === 'seats' ? units : 0,
    ...pool.terms,
    issuedAt: formatInstant(now),
    notBefore: formatInstant(startOf(installation, pool.terms)),
    fingerprint: installation.fingerprint,
    cnf: { jkt: installation.jkt },
    deactivated,
    ...(demonstration ? { demonstration: true } : {}),
  }
}

/** A license begins when the machine was first activated; one that is renewed in its grace, before its end. */
function startOf(installation: Installation, { expiresAt }: PoolTerms): number {
  return expiresAt === null ? installation.createdAt : Math.min(installation.createdAt, Date.parse(expiresAt))
}

/** The last instant at which a license of these terms is of use; null: perpetual. */
export function termsEndAt(terms: PoolTerms): number | null {
  return terms.expiresAt === null ? null : Date.parse(terms.expiresAt) + terms.graceDays * dayMs
}
