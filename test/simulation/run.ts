/**
 * Runs many simulated histories, each from its seed alone:
 *
 *   npm run simulate -- --seeds 1000 [--from 1] [--jobs 2]
 *   npm run simulate -- --seed 42 [--keep 3,5,8] [--trace]
 *
 * Prints what fails, as short as it gets, with the command that replays it. Exit code 1 where something failed.
 */
import { fork } from 'node:child_process'
import { parseArgs } from 'node:util'
import { realParts } from './parts.ts'
import { planOf } from './plan.ts'
import { shrink, stepsOf } from './shrink.ts'
import { type Outcome, simulate } from './simulate.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    keep: { type: 'string' },
    jobs: { type: 'string', default: '2' },
    trace: { type: 'boolean', default: false },
  },
})

/** Seeds that a worker process takes at a time. */
const PORTION = 50
/** Failing seeds after which there is enough to look at. */
const MAX_FAILURES = 5

interface Done {
  readonly seeds: number
  readonly failed: readonly number[]
}

function wholeNumber(name: 'seeds' | 'from' | 'seed' | 'jobs'): number {
  const value = Number(values[name])
  if (Number.isSafeInteger(value) && value >= (name === 'jobs' ? 1 : 0)) return value
  throw new Error(`--${name} needs a whole number, and got ${values[name]}.`)
}

/** One seed, as this process alone sees it. */
async function runOne(seed: number): Promise<boolean> {
  const steps = planOf(seed)
  const kept = values.keep?.split(',').map(Number) ?? steps.map((_, index) => index)
  const outcome = await simulate(seed, realParts, stepsOf(steps, kept))
  if (values.trace) console.log(outcome.trace.join('\n'))
  console.log(`seed ${seed}: ${outcome.failure?.message ?? 'every law held'} (trace ${outcome.hash})`)
  return outcome.failure === null
}

async function explain(failed: Outcome): Promise<void> {
  console.log(`\nseed ${failed.seed}: ${failed.failure?.message}`)
  const { kept, outcome } = await shrink(failed, realParts, planOf(failed.seed))
  console.log(`The same with ${kept.length} steps:\n${outcome.trace.join('\n')}`)
  console.log(`\nReplay: npm run simulate -- --seed ${failed.seed} --keep ${kept.join(',')} --trace`)
  console.log(`All of it: npm run simulate -- --seed ${failed.seed} --trace`)
}

/** In a worker: takes portions of seeds from the process that started it. */
function work(): void {
  // What fails is run again by the one that asked, with all that an error tells.
  Error.stackTraceLimit = 0
  process.on('message', async (from: number) => {
    const failed: number[] = []
    for (let seed = from; seed < from + PORTION; seed++) {
      if ((await simulate(seed)).failure !== null) failed.push(seed)
    }
    process.send?.({ seeds: PORTION, failed } satisfies Done)
  })
}

async function runMany(): Promise<boolean> {
  const [first, jobs] = [wholeNumber('from'), wholeNumber('jobs')]
  const end = first + Math.ceil(wholeNumber('seeds') / PORTION) * PORTION
  const began = performance.now()
  const failed: number[] = []
  let [next, done] = [first, 0]
  const worker = () =>
    new Promise<void>((resolve, reject) => {
      const child = fork(import.meta.filename, [], { env: { ...process.env, SIMULATION_WORKER: 'yes' } })
      const give = () => {
        if (next >= end || failed.length >= MAX_FAILURES) child.disconnect()
        else child.send(next)
        next += PORTION
      }
      child.on('message', (message: Done) => {
        done += message.seeds
        failed.push(...message.failed)
        if (process.stderr.isTTY) process.stderr.write(`\r${done} seeds, ${failed.length} failed `)
        give()
      })
      child.on('exit', code => (code === 0 ? resolve() : reject(new Error(`A worker ended with ${code}.`))))
      give()
    })
  await Promise.all(Array.from({ length: jobs }, worker))
  const seconds = (performance.now() - began) / 1000
  if (process.stderr.isTTY) process.stderr.write('\n')
  console.log(
    `${done} seeds from ${first} in ${seconds.toFixed(1)} s (${(done / seconds).toFixed(0)} a second), ${failed.length} failed`,
  )
  for (const seed of failed.sort((a, b) => a - b).slice(0, MAX_FAILURES)) await explain(await simulate(seed))
  return failed.length === 0
}

if (process.env['SIMULATION_WORKER'] === 'yes') work()
else {
  const good = values.seed === undefined ? await runMany() : await runOne(wholeNumber('seed'))
  process.exitCode = good ? 0 : 1
}
