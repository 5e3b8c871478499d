// What the usage history costs: a look, a write, and a file that is full. `node bench/history.ts [applications]`
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HistoryDatabase, readHistory } from '../src/daemon/history/database.ts'
import { type Bucket, type Figures, noFigures } from '../src/report/figures.ts'
import { figuresBetween, readCounter } from '../src/report/reading.ts'
import { type Span, spans } from '../src/report/spans.ts'

const names = Array.from({ length: Number(process.argv[2] ?? 3) }, (_, index) => `application-${index}`)
const folder = mkdtempSync(join(tmpdir(), 'history-'))
const file = join(folder, 'history.db')

function timed(what: string, times: number, act: (index: number) => void): void {
  const took: number[] = []
  for (let index = 0; index < times; index++) {
    const began = performance.now()
    act(index)
    took.push(performance.now() - began)
  }
  took.sort((a, b) => a - b)
  const [middle, most] = [took[Math.floor(times / 2)]!, took.at(-1)!]
  console.log(`${what}: median ${middle.toFixed(4)} ms, most ${most.toFixed(3)} ms, of ${times}`)
}

function figuresOf(index: number): Figures {
  const one = { inUseMs: 1_234_567 + index, peak: 87, granted: 4321 + index, refused: 12 }
  return {
    ...noFigures,
    observedMs: 60_000,
    inUseMs: 3_456_789 + index,
    peak: 97,
    limit: { low: 100, high: 100 },
    granted: 12_345 + index,
    refused: { 'limit-reached': 36 },
    released: { released: 12_300, 'orphan-timeout': 3 },
    applications: Object.fromEntries(names.map(name => [name, one])),
  }
}

try {
  const applications = names.map(name => ({ name, inUse: 3, peak: 9, granted: 100, denied: 1 }))
  const totals = { granted: 300, denied: new Map([['limit-reached', 3]]), ended: { released: 250 } }
  const counter = { inUse: 9, limit: 100, totals, applications }
  let last = readCounter(counter, 0)
  timed('a look', 100_000, index => {
    const reading = readCounter(counter, index * 250)
    figuresBetween(last, reading, 9)
    last = reading
  })

  const db = new HistoryDatabase(file)
  const kept: [Span, number][] = [
    ['minute', 35 * 1440],
    ['hour', 731 * 24],
    ['day', 3653],
  ]
  for (const [span, count] of kept) {
    for (let from = 0; from < count; from += 1000) {
      const rows = Array.from({ length: Math.min(1000, count - from) }, (_, index) => ({
        span,
        start: (from + index) * spans[span],
        figures: figuresOf(index),
      }))
      db.add(rows)
    }
  }
  const at = (span: Span): Bucket & { span: Span } => ({
    span,
    start: 20_000 * spans.day,
    figures: figuresOf(1),
  })
  timed('a write, checkpoints included', 2000, () => db.add([at('minute'), at('hour'), at('day')]))
  timed('the removal of one minute', 200, index =>
    db.prune({ minute: 50_400 - index, hour: 17_545, day: 3654 }),
  )
  db.close()
  console.log(`full: ${(statSync(file).size / 1_048_576).toFixed(1)} MiB`)
  timed('an open', 20, () => new HistoryDatabase(file).close())
  timed('a report of 7 days of hours', 5, () =>
    readHistory(file, reader => reader.rows('hour', 0, 168 * spans.hour)),
  )
} finally {
  rmSync(folder, { recursive: true, force: true })
}
