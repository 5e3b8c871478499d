import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bufferBytes } from '../support/memory.ts'
import type { TearDown } from '../support/site.ts'
import { Random } from './random.ts'
import type { Target } from './target.ts'

export interface Run {
  readonly seed: number
  /** Cases to try. */
  readonly cases: number
  /** Where an input is kept that broke a rule. */
  readonly folder: string
  /** Stops earlier, between two cases. */
  readonly untilMs?: number
  readonly onProgress?: (tally: Tally) => void
}

export interface Tally {
  cases: number
  inputs: number
  /** How often each outcome came. */
  readonly outcomes: Record<string, number>
  /** Mebibytes of the process after a tenth of the cases, or a fifth of the time, and at the end. */
  warmMib: number
  endMib: number
}

const boundMs = 20_000
/** More than this after warming up, and something is kept that should not be. */
const maxGrowthMib = 250

/** Memory of the process, once what nobody refers to was freed. */
export function residentMib(): number {
  bufferBytes()
  return process.memoryUsage().rss / 2 ** 20
}

/** Tries cases one after the other. The first that breaks a rule is written to a file, and thrown. */
export async function drive(target: Target, run: Run, t: TearDown): Promise<Tally> {
  const attack = await target.open(t)
  const tally: Tally = { cases: 0, inputs: 0, outcomes: {}, warmMib: 0, endMib: 0 }
  const { untilMs = Number.POSITIVE_INFINITY } = run
  const end = performance.now() + untilMs
  const warmAt = performance.now() + untilMs / 5
  const stray = catchStray()
  try {
    for (let index = 0; index < run.cases && performance.now() < end; index++) {
      const input = await attack.make(new Random(`${target.name}/${run.seed}/${index}`))
      try {
        const outcome = await Promise.race([
          bounded(attack.judge(input), target.boundMs ?? boundMs),
          stray.thrown,
        ])
        tally.outcomes[outcome] = (tally.outcomes[outcome] ?? 0) + 1
      } catch (error) {
        throw keep(error, target, run, index, input)
      }
      tally.cases++
      tally.inputs += attack.count?.(input) ?? 1
      const isWarm = index >= run.cases / 10 || performance.now() > warmAt
      if (isWarm && tally.warmMib === 0) tally.warmMib = residentMib()
      run.onProgress?.(tally)
    }
    await attack.finish?.()
    tally.endMib = residentMib()
    if (tally.warmMib > 0 && tally.cases >= 1000 && tally.endMib - tally.warmMib > maxGrowthMib)
      throw new Error(`${target.name} grew from ${tally.warmMib} to ${tally.endMib} MiB`)
    return tally
  } finally {
    stray.stop()
  }
}

/** Errors that no caller gets: of the product's own event handlers and promises. */
function catchStray(): { thrown: Promise<never>; stop(): void } {
  const { promise: thrown, reject } = Promise.withResolvers<never>()
  // It may come between two cases, when nobody waits for it.
  thrown.catch(() => undefined)
  const take = (error: unknown) => reject(new Error('An error reached nobody.', { cause: error }))
  process.on('uncaughtException', take).on('unhandledRejection', take)
  return {
    thrown,
    stop: () => void process.off('uncaughtException', take).off('unhandledRejection', take),
  }
}

/** What `work` gives, or an error where it takes longer. */
export async function bounded<T>(work: Promise<T>, ms: number): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`It hangs: no answer in ${ms} ms.`)), ms)
  try {
    return await Promise.race([work, promise])
  } finally {
    clearTimeout(timer)
  }
}

function keep(error: unknown, { name }: Target, { seed, folder }: Run, index: number, input: Buffer): Error {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${name}-${seed}-${index}.bin`)
  writeFileSync(file, input)
  const why = error instanceof Error ? (error.stack ?? error.message) : String(error)
  const again = `npm run fuzz -- --target ${name} --replay ${file}`
  return new Error(
    `${name}, seed ${seed}, case ${index}: ${why}\n\nThe input is in ${file}. Run it again: ${again}`,
    {
      cause: error,
    },
  )
}
