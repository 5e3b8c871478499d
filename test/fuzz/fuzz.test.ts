import { join } from 'node:path'
import t from 'tap'
import { drive } from './drive.ts'
import { targets } from './targets.ts'

/** The short form: a taste of every target. `npm run fuzz` goes deep, docs/fuzzing.md tells how. */
for (const target of targets) {
  t.test(target.name, async t => {
    const folder = join(t.testdir(), 'found')
    const tally = await drive(target, { seed: 1, cases: 40, folder, untilMs: 150 }, t)
    t.ok(tally.cases > 0)
    t.ok(tally.inputs >= tally.cases)
  })
}
