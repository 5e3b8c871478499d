import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Row, Spread } from './report.ts'

/** The ratios that were once measured, by scenario and peer. */
export type Baseline = Record<string, Record<string, Row['ratio']>>

type Ratio = keyof Row['ratio']

/** Ratios of one run are not trusted closer than this, whatever they spread. */
const TOLERANCE = 0.1
const figures: readonly { key: Ratio; name: string; isBetter: 'higher' | 'lower' }[] = [
  { key: 'opsPerSecond', name: 'ops/s', isBetter: 'higher' },
  { key: 'p50', name: 'p50', isBetter: 'lower' },
  { key: 'p99', name: 'p99', isBetter: 'lower' },
]

const file = join(import.meta.dirname, 'baseline.json')

export function readBaseline(): Baseline {
  return JSON.parse(readFileSync(file, 'utf8')) as Baseline
}

/** Keeps what was measured as that to which later runs are compared. */
export function writeBaseline(rows: readonly Row[]): void {
  writeFileSync(file, `${JSON.stringify(baselineOf(rows), null, 2)}\n`)
}

function baselineOf(rows: readonly Row[]): Baseline {
  const scenarios = Map.groupBy(rows, ({ scenario }) => scenario)
  const ratios = (of: Row[]) => Object.fromEntries(of.map(({ peer, ratio }) => [peer, ratio]))
  return Object.fromEntries([...scenarios].map(([scenario, of]) => [scenario, ratios(of)]))
}

/** What moved by more than both runs spread, a line each, the worse first. */
export function compare(rows: readonly Row[], baseline: Baseline): string {
  const moved = rows.flatMap(({ scenario, peer, ratio }) => {
    const before = baseline[scenario]?.[peer]
    if (before === undefined) return [{ isWorse: false, text: `${scenario}, ${peer}: not in the baseline` }]
    return figures
      .filter(({ key }) => isMoved(before[key], ratio[key]))
      .map(({ key, name, isBetter }) => {
        const isWorse = ratio[key].median > before[key].median === (isBetter === 'lower')
        const change = `${say(before[key])} → ${say(ratio[key])}`
        return { isWorse, text: `${isWorse ? 'worse ' : 'better'} ${scenario}, ${peer}: ${name} ${change}` }
      })
  })
  if (moved.length === 0) return 'No ratio has moved from bench/baseline.json.'
  return moved
    .sort((a, b) => Number(b.isWorse) - Number(a.isWorse))
    .map(({ text }) => text)
    .join('\n')
}

function isMoved(before: Spread, now: Spread): boolean {
  const noise = Math.max(TOLERANCE * before.median, 2 * (before.spread + now.spread))
  return Math.abs(now.median - before.median) > noise
}

function say({ median, spread }: Spread): string {
  return `${median.toFixed(2)} ± ${spread.toFixed(2)}`
}
