import { createHash } from 'node:crypto'
import { type Parts, realParts } from './parts.ts'
import { planOf, type Step } from './plan.ts'
import { World } from './world.ts'

export interface Outcome {
  readonly seed: number
  /** What was broken, or null. */
  readonly failure: Error | null
  /** Of everything that happened. */
  readonly hash: string
  readonly trace: readonly string[]
  readonly grants: number
}

/** Carries out the history of a seed, or what is left of it. */
export async function simulate(
  seed: number,
  parts: Parts = realParts,
  steps: readonly Step[] = planOf(seed),
): Promise<Outcome> {
  const trace: string[] = []
  const world = new World(seed, parts, line => trace.push(line))
  let failure: Error | null = null
  try {
    await world.live(steps)
  } catch (error) {
    failure = error as Error
    trace.push(String(failure))
  } finally {
    world.dispose()
  }
  const hash = createHash('sha256').update(trace.join('\n')).digest('hex').slice(0, 16)
  return { seed, failure, hash, trace, grants: world.checker.grants }
}
