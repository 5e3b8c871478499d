import { type Pool, unitOf } from './model.ts'
import { type Refusal, type Representative, refusal } from './refusals.ts'

export interface ClaimWish {
  pool: Pool
  /** What the machine owns of the pool already. */
  owned: number
  /** What a transfer brings it, which is part of the pool's `claimed` already. */
  moved: number
  /** How many it wants to own in all; null: what it owns and is brought. */
  wish: number | null
  representative: Representative
}

export type ClaimDecision =
  | {
      ok: true
      /** What the machine owns from now on. */
      units: number
      /** What that takes from the pool: the difference only. */
      taken: number
    }
  | { ok: false; refusal: Refusal }

/**
 * The arithmetic of claims (Law 7). A claim grows by the difference, never shrinks and never returns; the sum
 * of all claims stays within the pool's total. A seat is one a machine.
 */
export function decideClaim(of: ClaimWish): ClaimDecision {
  const { pool, owned, moved, wish, representative } = of
  const unit = unitOf(pool.product)
  const base = owned + moved
  const asked = wish ?? (base === 0 && unit === 'seats' ? 1 : base)
  if (unit === 'seats' && asked !== 1) return no(refusal('one-seat-a-machine', { asked }))
  if (asked === 0) return no(refusal('sessions-required', {}))
  if (asked < base) return no(refusal('lowering-refused', { owned: base, asked, unit, representative }))
  const needed = asked - base
  const available = pool.total - pool.claimed
  if (needed <= available) return { ok: true, units: asked, taken: needed }
  const { total } = pool
  return no(refusal('pool-exhausted', { available, needed, owned: base, total, unit, representative }))
}

function no(of: Refusal): ClaimDecision {
  return { ok: false, refusal: of }
}
