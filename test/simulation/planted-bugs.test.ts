import t from 'tap'
import { seedThatCatches } from './caught.ts'
import { PLANTED_BUGS } from './planted-bugs.ts'

/** They are caught by the first seeds; the whole table is tried by the long test. */
const QUICK = [
  'replies leave before the commit',
  'a bad license replaces the good one',
  'a restart forgets the sessions',
  'one session too many is granted',
] as const
const SEEDS = 10

t.setTimeout(280_000)

for (const name of QUICK) {
  t.test(`the checker finds it where ${name}`, async t => {
    const seed = await seedThatCatches(PLANTED_BUGS[name]!, SEEDS)
    t.ok(seed <= SEEDS, `caught by seed ${seed}`)
  })
}
