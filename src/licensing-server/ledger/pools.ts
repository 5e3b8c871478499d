import { Fault } from '../../errors.ts'
import type { Product } from '../../license/fields.ts'
import { checkCustomer, checkPool, checkTerms, checkTotal } from './checks.ts'
import { type Act, eventOf, poolStream, vendorStream } from './events.ts'
import { type Customer, type LedgerChange, type Pool, type PoolTerms, unitOf } from './model.ts'
import type { Representative } from './refusals.ts'

/** What a pool grants where the representative says nothing else. The versions are always said. */
export const usualTerms: Omit<PoolTerms, 'versions'> = {
  features: [],
  expiresAt: null,
  graceDays: 14,
  reactivation: { intervalHours: 24, requiredWithinDays: null },
  overdraft: null,
  reservationsAllowed: true,
  offlineAdmission: null,
  emergencyClass: true,
}

/** Adds a customer, or gives one another name or representative. `before`: null for a new one. */
export function putCustomer(
  before: Customer | null,
  of: { customerId: string; name: string; representative: Representative },
  act: Act,
): LedgerChange {
  checkCustomer(of)
  const { customerId, name, representative } = of
  const type = before === null ? 'customer-added' : 'customer-changed'
  return {
    customer: {
      customerId,
      revision: before?.revision ?? 0,
      name,
      representative,
      createdAt: before?.createdAt ?? act.now,
    },
    events: [eventOf(vendorStream, act, type, { customerId, name, representative })],
  }
}

/** Opens a pool: what a customer bought. */
export function openPool(
  { customerId }: Customer,
  of: { poolId: string; product: Product; total: number; terms: PoolTerms },
  act: Act,
): LedgerChange {
  checkPool(of)
  const { poolId, product, total, terms } = of
  return {
    pool: { poolId, revision: 0, customerId, product, total, claimed: 0, terms, createdAt: act.now },
    events: [
      eventOf(vendorStream, act, 'pool-registered', { poolId, customerId }),
      eventOf(poolStream(poolId), act, 'pool-opened', { customerId, product, total, terms }),
    ],
  }
}

/** Adds sessions or seats to a pool. None are ever taken away: what was claimed stays claimed. */
export function addUnits(pool: Pool, units: number, act: Act): LedgerChange {
  if (!Number.isSafeInteger(units) || units < 1) {
    throw new Fault('pool-invalid', `One or more ${unitOf(pool.product)} can be added, not ${units}.`)
  }
  const total = pool.total + units
  checkTotal(total)
  const event = eventOf(poolStream(pool.poolId), act, 'units-added', { units, total })
  return { pool: { ...pool, total }, events: [event] }
}

/** Changes what the licenses of a pool grant. Machines receive it with their next reactivation. */
export function changeTerms(pool: Pool, changes: Partial<PoolTerms>, act: Act): LedgerChange {
  const terms = { ...pool.terms, ...changes }
  checkTerms(terms)
  const event = eventOf(poolStream(pool.poolId), act, 'terms-changed', { terms })
  return { pool: { ...pool, terms }, events: [event] }
}
