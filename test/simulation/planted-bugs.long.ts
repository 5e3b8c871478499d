import t from 'tap'
import { seedThatCatches } from './caught.ts'
import { PLANTED_BUGS } from './planted-bugs.ts'

/** Seeds that may be spent on one bug. */
const SEEDS = 200
/** Those that show only where three faults meet. */
const RARE: Readonly<Record<string, number>> = {
  'a journal that was behind is believed in who is dead': 1000,
}

t.setTimeout(1_800_000)

for (const [name, parts] of Object.entries(PLANTED_BUGS)) {
  t.test(`the checker finds it where ${name}`, { timeout: 120_000 }, async t => {
    const seeds = RARE[name] ?? SEEDS
    const seed = await seedThatCatches(parts, seeds)
    t.ok(seed <= seeds, `caught by seed ${seed}`)
  })
}
