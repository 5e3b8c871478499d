import type { Parts } from './parts.ts'
import type { Step } from './plan.ts'
import { type Outcome, simulate } from './simulate.ts'
import { Violation } from './violation.ts'

/** More attempts than this take longer than reading what is left. */
const MAX_ATTEMPTS = 400

/** What is left of a history that still breaks the same law. `kept` are the numbers of its steps. */
export interface Shrunk {
  readonly kept: readonly number[]
  readonly outcome: Outcome
}

/** Leaves out steps, many at a time and then one by one, for as long as the same law is broken. */
export async function shrink(failed: Outcome, parts: Parts, steps: readonly Step[]): Promise<Shrunk> {
  let kept = steps.map((_, index) => index)
  let outcome = failed
  let attempts = 0
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = kept.length - size; from > -size; from -= size) {
      if (++attempts > MAX_ATTEMPTS) return { kept, outcome }
      const fewer = kept.filter((_, index) => index < from || index >= from + size)
      if (fewer.length === kept.length) continue
      const tried = await simulate(failed.seed, parts, stepsOf(steps, fewer))
      if (!isSame(tried.failure, failed.failure)) continue
      kept = fewer
      outcome = tried
    }
  }
  return { kept, outcome }
}

export function stepsOf(steps: readonly Step[], kept: readonly number[]): Step[] {
  return kept.map(index => steps[index]).filter(step => step !== undefined)
}

function isSame(one: Error | null, other: Error | null): boolean {
  if (one instanceof Violation && other instanceof Violation) return one.law === other.law
  return one !== null && other !== null && one.constructor === other.constructor
}
