import t from 'tap'
import { seedThatCatches } from './caught.ts'
import { PLANTED_BUGS } from './planted-bugs.ts'

/** Seeds that may be spent on one bug. */
const SEEDS = 200

t.setTimeout(1_800_000)

for (const [name, parts] of Object.entries(PLANTED_BUGS)) {
  t.test(`the checker finds it where ${name}`, { timeout: 120_000 }, async t => {
    const seed = await seedThatCatches(parts, SEEDS)
    t.ok(seed <= SEEDS, `caught by seed ${seed}`)
  })
}
