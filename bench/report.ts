import Table from 'cli-table3'
import type { Measurement } from './load.ts'

/** The median, and half the distance between the quartiles as its spread. */
export interface Spread {
  readonly median: number
  readonly spread: number
}

/** One peer in one scenario over all rounds; ratios are to the scenario's first peer in the same round. */
export interface Row {
  readonly scenario: string
  readonly peer: string
  readonly opsPerSecond: Spread
  readonly p50: Spread
  readonly p99: Spread
  readonly p999: Spread
  readonly max: number
  readonly cpuMicros: Spread
  readonly rssMiB: number
  readonly ratio: {
    readonly opsPerSecond: Spread
    readonly p50: Spread
    readonly p99: Spread
    readonly p999: Spread
  }
}

export function rowOf(scenario: string, peer: string, rounds: Measurement[], reference: Measurement[]): Row {
  const of = (key: keyof Measurement) => spreadOf(rounds.map(round => round[key]))
  const against = (key: keyof Measurement) =>
    spreadOf(rounds.map((round, n) => round[key] / reference[n]![key]))
  return {
    scenario,
    peer,
    opsPerSecond: of('opsPerSecond'),
    p50: of('p50'),
    p99: of('p99'),
    p999: of('p999'),
    max: Math.max(...rounds.map(round => round.max)),
    cpuMicros: of('cpuMicros'),
    rssMiB: Math.max(...rounds.map(round => round.rssMiB)),
    ratio: {
      opsPerSecond: against('opsPerSecond'),
      p50: against('p50'),
      p99: against('p99'),
      p999: against('p999'),
    },
  }
}

export function spreadOf(values: number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number) => {
    const place = share * (sorted.length - 1)
    const low = Math.floor(place)
    return sorted[low]! + (place - low) * ((sorted[low + 1] ?? sorted[low]!) - sorted[low]!)
  }
  return { median: at(0.5), spread: (at(0.75) - at(0.25)) / 2 }
}

export function tableOf(rows: readonly Row[]): string {
  const head = [
    'scenario',
    'peer',
    'ops/s',
    'ratio',
    'p50 µs',
    'ratio',
    'p99 µs',
    'ratio',
    'p99.9 µs',
    'CPU µs/op',
    'RSS MiB',
  ]
  const table = new Table({
    head,
    style: { head: [], border: [], compact: true },
    colAligns: ['left', 'left', ...Array(9).fill('right')],
  })
  for (const row of rows) {
    table.push([
      row.scenario,
      row.peer,
      whole(row.opsPerSecond.median),
      ratio(row.ratio.opsPerSecond),
      whole(row.p50.median),
      ratio(row.ratio.p50),
      whole(row.p99.median),
      ratio(row.ratio.p99),
      whole(row.p999.median),
      row.cpuMicros.median.toFixed(1),
      whole(row.rssMiB),
    ])
  }
  return table.toString()
}

function whole(value: number): string {
  if (Number.isNaN(value)) return '–'
  return Math.round(value).toLocaleString('en-US')
}

function ratio({ median, spread }: Spread): string {
  return `${median.toFixed(2)} ± ${spread.toFixed(2)}`
}

/** Rows of any section; a spread is told as one column. */
export function sectionTable(name: string, rows: readonly object[]): string {
  const flat = rows.map(row => Object.fromEntries(cellsOf(row)))
  const table = new Table({
    head: [name, ...Object.keys(flat[0] ?? {}).slice(1)],
    style: { head: [], border: [], compact: true },
  })
  for (const row of flat) table.push(Object.values(row))
  return table.toString()
}

function cellsOf(row: object, prefix = ''): [string, string][] {
  return Object.entries(row).flatMap(([key, value]): [string, string][] => {
    const name = `${prefix}${key}`
    if (value === null) return [[name, '–']]
    if (typeof value === 'number') return [[name, readable(value)]]
    if (typeof value !== 'object') return [[name, String(value)]]
    if (!('median' in value)) return cellsOf(value, `${name}.`)
    const { median, spread } = value as Spread
    return [[name, `${readable(median)} ± ${readable(spread)}`]]
  })
}

function readable(value: number): string {
  if (Number.isInteger(value) || Math.abs(value) >= 100) return whole(value)
  return value.toFixed(2)
}
