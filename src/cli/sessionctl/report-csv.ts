import { type Figures, noFigures, total } from '../../report/figures.ts'
import type { Summary } from '../../report/summary.ts'

/** The columns of a line; numbers are those of the history, unrounded. */
const columns: Readonly<Record<string, (figures: Figures) => number | string>> = {
  observedSeconds: ({ observedMs }) => observedMs / 1000,
  inUseSeconds: ({ inUseMs }) => inUseMs / 1000,
  meanInUse: ({ inUseMs, observedMs }) => (observedMs === 0 ? '' : (inUseMs / observedMs).toFixed(3)),
  peak: ({ peak }) => peak,
  limitLow: ({ limit }) => limit?.low ?? '',
  limitHigh: ({ limit }) => limit?.high ?? '',
  fullSeconds: ({ fullMs }) => fullMs / 1000,
  granted: ({ granted }) => granted,
  refused: ({ refused }) => total(refused),
  released: ({ released }) => total(released),
}

/** RFC 4180, a line for each span, times in UTC. A span in which no daemon watched has 0 observed seconds. */
export function reportCsv({ series }: Summary): string[] {
  const lines = series.map(({ start, figures }) =>
    [
      new Date(start).toISOString(),
      ...Object.values(columns).map(column => column(figures ?? noFigures)),
    ].join(','),
  )
  return [['start', ...Object.keys(columns)].join(','), ...lines]
}
