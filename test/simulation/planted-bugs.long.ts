import t from 'tap'
import { PLANTED_BUGS } from './planted-bugs.ts'
import { simulate } from './simulate.ts'
import { Violation } from './violation.ts'

/** Seeds that may be spent on one bug. */
const SEEDS = 200

t.setTimeout(200_000)

/** How many seeds it takes until the checker sees a law broken. */
async function seedsUntilCaught(parts: (typeof PLANTED_BUGS)[string]): Promise<number> {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { failure } = await simulate(seed, parts)
    if (failure instanceof Violation) return seed
  }
  return Number.POSITIVE_INFINITY
}

for (const [name, parts] of Object.entries(PLANTED_BUGS)) {
  t.test(`the checker finds it where ${name}`, { timeout: 60_000 }, async t => {
    const seeds = await seedsUntilCaught(parts)
    t.ok(seeds <= SEEDS, `caught by seed ${seeds}`)
  })
}
