import { join } from 'node:path'
import t from 'tap'
import { drive } from './drive.ts'
import { targets } from './targets.ts'

/** The medium form: every target for some seconds, always with the same seed, so that a change alone can break it. */
const seed = 20_781

t.setTimeout(300_000)

for (const target of targets) {
  t.test(`${target.name}, seed ${seed}`, async t => {
    const folder = join(t.testdir(), 'found')
    const tally = await drive(target, { seed, cases: 100_000, folder, untilMs: 2500 }, t)
    t.comment(`${tally.inputs} ${target.kind}: ${JSON.stringify(tally.outcomes)}`)
    t.ok(tally.cases > 0)
  })
}
