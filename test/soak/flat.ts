import type { Sample } from './sampler.ts'

const MIB = 1_048_576

/** By how much the median of the last third may be above that of the first: a part of it, and something fixed. */
const ALLOWED = {
  residentBytes: { part: 0.1, fixed: 8 * MIB },
  liveBytes: { part: 0, fixed: 1.5 * MIB },
  openFiles: { part: 0, fixed: 2 },
  journalBytes: { part: 0.1, fixed: 64 * 1024 },
  p50Ms: { part: 0.5, fixed: 0.5 },
  p99Ms: { part: 1, fixed: 5 },
} as const

export type Measure = keyof typeof ALLOWED

export interface Trend {
  readonly measure: Measure
  /** Medians. */
  readonly first: number
  readonly last: number
  readonly most: number
  readonly isFlat: boolean
}

/** Compares the first third with the last one. The samples of the warm-up must not be among them. */
export function trendsOf(samples: readonly Sample[]): Trend[] {
  const third = Math.floor(samples.length / 3)
  if (third === 0) throw new Error(`${samples.length} samples are too few: let it run for longer.`)
  return (Object.keys(ALLOWED) as Measure[]).map(measure => {
    const values = samples.map(sample => sample[measure])
    const first = median(values.slice(0, third))
    const last = median(values.slice(-third))
    const { part, fixed } = ALLOWED[measure]
    return { measure, first, last, most: Math.max(...values), isFlat: last <= first * (1 + part) + fixed }
  })
}

export function tableOf(trends: readonly Trend[]): string {
  const rows = trends.map(({ measure, first, last, most, isFlat }) => [
    measure.replace('Bytes', ' (MiB)').replace('Ms', ' (ms)'),
    ...[first, last, most].map(value => said(measure, value)),
    isFlat ? 'flat' : 'RISES',
  ])
  const head = ['', 'first third', 'last third', 'most', '']
  return [head, ...rows]
    .map(([name = '', ...cells]) => name.padEnd(18) + cells.map(cell => cell.padStart(13)).join(''))
    .join('\n')
}

function said(measure: Measure, value: number): string {
  if (measure.endsWith('Bytes')) return (value / MIB).toFixed(2)
  return measure.endsWith('Ms') ? value.toFixed(2) : String(value)
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]!
}
