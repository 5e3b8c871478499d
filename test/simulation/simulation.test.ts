import t from 'tap'
import { realParts } from './parts.ts'
import { planOf } from './plan.ts'
import { PLANTED_BUGS } from './planted-bugs.ts'
import { shrink, stepsOf } from './shrink.ts'
import { simulate } from './simulate.ts'

const SEEDS = 1000
/** Seeds that broke a law once. */
const MENDED = [
  8410, 11787, 20451, 20773, 21114, 22206, 101525, 102265, 103445, 117568, 119232, 1009583, 1026783, 1062739,
  1116229, 1120303, 1128344, 1146781, 5010932, 5016510, 5041473, 5057251, 6328825, 6466181, 6527504, 10052432,
]

t.setTimeout(280_000)

t.test(`${SEEDS} histories keep every law`, async t => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { failure } = await simulate(seed)
    if (failure !== null) t.fail(`${failure.message}. Look at it: npm run simulate -- --seed ${seed} --trace`)
  }
})

t.test('what broke a law once keeps it now', async t => {
  for (const seed of MENDED) t.equal((await simulate(seed)).failure, null, `seed ${seed}`)
})

t.test('a seed is one history, step by step', async t => {
  const grants: number[] = []
  for (const seed of [1, 2, 3]) {
    const [once, again] = [await simulate(seed), await simulate(seed)]
    t.strictSame(again.trace, once.trace)
    t.equal(again.hash, once.hash)
    grants.push(once.grants)
  }
  const hashes = new Set([(await simulate(1)).hash, (await simulate(2)).hash])
  t.equal(hashes.size, 2, 'two seeds are two histories')
  t.ok(Math.max(...grants) > 0, 'sessions are granted in them')
})

t.test('what fails is made short, and fails again when replayed', async t => {
  const parts = PLANTED_BUGS['a restart forgets the sessions']!
  let seed = 1
  let failed = await simulate(seed, parts)
  while (failed.failure === null && seed < 100) failed = await simulate(++seed, parts)
  t.ok(failed.failure, 'a seed finds it')
  const steps = planOf(seed)
  const { kept, outcome } = await shrink(failed, parts, steps)
  t.ok(kept.length <= 4, `${kept.length} of ${steps.length} steps are left`)
  const replayed = await simulate(seed, parts, stepsOf(steps, kept))
  t.equal(replayed.hash, outcome.hash)
  t.equal(replayed.failure?.message, outcome.failure?.message)
  const { failure } = await simulate(seed, realParts, stepsOf(steps, kept))
  t.equal(failure, null, 'the daemon without the bug keeps the law')
})
