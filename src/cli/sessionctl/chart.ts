import type { Point } from '../../report/summary.ts'
import type { Terminal } from '../terminal.ts'

const HEIGHT = 8
/** For the numbers at the left. */
const MARGIN = 9
const EIGHTHS = ['', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']

interface Column {
  /** Null where no daemon watched. */
  readonly peak: number | null
  readonly limit: number
}

/** Most in use over time as columns of blocks, against the limit as a line. Where no daemon watched there are dots. */
export function chartLines(
  series: readonly Point[],
  time: (instant: number) => string,
  { columns: width, style }: Pick<Terminal, 'columns' | 'style'>,
): string[] {
  const columns = columnsOf(series, Math.max(10, width - MARGIN))
  const top = Math.max(1, ...columns.map(({ peak, limit }) => Math.max(peak ?? 0, limit)))
  // A short time has room to be drawn wider.
  const wide = Math.max(1, Math.floor((width - MARGIN) / columns.length))
  const lines: string[] = []
  for (let row = HEIGHT; row >= 1; row--) {
    const cells = columns.map(column => cell(column, row, top, wide, style))
    const label = row === HEIGHT ? String(top) : row === 1 ? '0' : ''
    lines.push(`${label.padStart(MARGIN - 3)} │${cells.join('')}`.trimEnd())
  }
  const [first, last] = [time(series[0]!.start), time(series.at(-1)!.start)]
  const gap = columns.length * wide - first.length - last.length
  lines.push(`${' '.repeat(MARGIN - 1)}${gap > 0 ? first + ' '.repeat(gap) + last : first}`)
  return [...lines, `${' '.repeat(MARGIN - 1)}█ most in use  ─ limit  · no daemon`]
}

/** As many columns as fit: each has the most of its points. */
function columnsOf(series: readonly Point[], width: number): Column[] {
  const each = Math.ceil(series.length / width)
  return Array.from({ length: Math.ceil(series.length / each) }, (_, index) => {
    const known = series.slice(index * each, (index + 1) * each).flatMap(({ figures }) => figures ?? [])
    return {
      peak: known.length === 0 ? null : Math.max(...known.map(({ peak }) => peak)),
      limit: Math.max(0, ...known.map(({ limit }) => limit?.high ?? 0)),
    }
  })
}

function cell(
  { peak, limit }: Column,
  row: number,
  top: number,
  wide: number,
  style: Terminal['style'],
): string {
  if (peak === null) return (row === 1 ? '·' : ' ').repeat(wide)
  const eighths = Math.ceil((peak / top) * HEIGHT * 8) - (row - 1) * 8
  if (eighths > 0) {
    const block = EIGHTHS[Math.min(8, eighths)]!.repeat(wide)
    return style(limit > 0 && peak >= limit ? 'red' : 'green', block)
  }
  return (limit > 0 && Math.ceil((limit / top) * HEIGHT) === row ? '─' : ' ').repeat(wide)
}
