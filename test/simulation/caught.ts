import type { Parts } from './parts.ts'
import { simulate } from './simulate.ts'
import { Violation } from './violation.ts'

/** The first seed, of so many, by which the checker sees a law broken; infinite where none is. */
export async function seedThatCatches(parts: Parts, seeds: number): Promise<number> {
  for (let seed = 1; seed <= seeds; seed++) {
    const { failure } = await simulate(seed, parts)
    if (failure instanceof Violation) return seed
  }
  return Number.POSITIVE_INFINITY
}
