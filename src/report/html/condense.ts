import { addFigures, type Figures, noFigures } from '../figures.ts'
import { spans } from '../spans.ts'
import type { Point } from '../summary.ts'

/** More points than this no screen shows apart, and no reader would read in a table. */
const MAX_POINTS = 400

const { minute, hour, day } = spans
const steps = [minute, 5 * minute, 15 * minute, hour, 6 * hour, day, 7 * day, 30 * day, 365 * day]

export interface Condensed {
  /** Milliseconds from one point to the next. */
  readonly stepMs: number
  readonly points: readonly Point[]
}

/** The same figures in as many points as a chart can show, added up so that none is lost. */
export function condense(series: readonly Point[], spanMs: number): Condensed {
  const first = series[0]?.start ?? 0
  const lengthMs = series.length * spanMs
  const fits = steps.find(step => step >= spanMs && lengthMs / step <= MAX_POINTS)
  const stepMs = fits ?? Math.ceil(lengthMs / MAX_POINTS / day) * day
  if (stepMs === spanMs) return { stepMs, points: series }
  const starts = new Map<number, Figures | null>()
  for (const { start, figures } of series) {
    // The first point may begin before the period: steps begin where the days do.
    const at = Math.max(first, Math.floor(start / stepMs) * stepMs)
    const sum = starts.get(at) ?? null
    starts.set(at, figures === null ? sum : addFigures(sum ?? noFigures, figures))
  }
  return { stepMs, points: [...starts].map(([start, figures]) => ({ start, figures })) }
}
