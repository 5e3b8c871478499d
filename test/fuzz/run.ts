/**
 * Fuzzes the product: see docs/fuzzing.md.
 *
 *   npm run fuzz -- [--target NAME] [--count CASES] [--seed NUMBER] [--seconds N] [--replay FILE]
 */
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { bounded, drive, type Tally } from './drive.ts'
import { type Target, targets } from './targets.ts'
import { tearDown } from './tear-down.ts'

const { values } = parseArgs({
  options: {
    target: { type: 'string' },
    count: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    seconds: { type: 'string' },
    replay: { type: 'string' },
  },
})

const chosen = values.target === undefined ? targets : targets.filter(({ name }) => name === values.target)
if (chosen.length === 0) {
  throw new Error(
    `There is no target ${values.target}. There are: ${targets.map(({ name }) => name).join(', ')}`,
  )
}

const everyMs = 5000
let last = performance.now()

function progress(target: Target): (tally: Tally) => void {
  return tally => {
    if (performance.now() - last < everyMs) return
    last = performance.now()
    console.error(`${target.name}: ${tally.cases} cases, ${tally.inputs} ${target.kind}`)
  }
}

for (const target of chosen) {
  const { t, end } = tearDown()
  const started = performance.now()
  try {
    if (values.replay !== undefined) {
      const attack = await target.open(t)
      console.log(await bounded(attack.judge(readFileSync(values.replay)), target.boundMs ?? 20_000))
      await attack.finish?.()
      continue
    }
    const tally = await drive(
      target,
      {
        seed: Number(values.seed),
        cases: Number(values.count),
        folder: join(tmpdir(), 'sessiond-fuzz'),
        ...(values.seconds === undefined ? {} : { untilMs: Number(values.seconds) * 1000 }),
        onProgress: progress(target),
      },
      t,
    )
    const seconds = Math.round((performance.now() - started) / 1000)
    const memory = `${Math.round(tally.warmMib)} then ${Math.round(tally.endMib)} MiB`
    console.log(
      `${target.name}: ${tally.cases} cases, ${tally.inputs} ${target.kind}, seed ${values.seed}, ${seconds} s, ${memory}`,
    )
    for (const [outcome, times] of Object.entries(tally.outcomes).sort(([, a], [, b]) => b - a))
      console.log(`  ${String(times).padStart(8)}  ${outcome}`)
  } finally {
    await end()
  }
}
