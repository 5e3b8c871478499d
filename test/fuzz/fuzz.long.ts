import { join } from 'node:path'
import t from 'tap'
import { drive } from './drive.ts'
import { targets } from './targets.ts'

/** The medium form: every target for three seconds, with another seed every day. */
const seed = Math.floor(Date.now() / 86_400_000)

t.setTimeout(300_000)

for (const target of targets) {
  t.test(`${target.name}, seed ${seed}`, async t => {
    const folder = join(t.testdir(), 'found')
    const tally = await drive(target, { seed, cases: 100_000, folder, untilMs: 2500 }, t)
    t.comment(`${tally.inputs} ${target.kind}: ${JSON.stringify(tally.outcomes)}`)
    t.ok(tally.cases > 0)
  })
}
