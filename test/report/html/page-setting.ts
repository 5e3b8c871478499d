import { addFigures, type Bucket, type Figures, noFigures } from '../../../src/report/figures.ts'
import type { ReportPage } from '../../../src/report/html/page.ts'
import { type Span, spans, startOf } from '../../../src/report/spans.ts'
import { summarize } from '../../../src/report/summary.ts'

export const firstHour = Date.parse('2026-11-02T00:00:00Z')

/** A name as a hostile caller would choose it, if the daemon took it. */
export const hostileName = `</title></style><script>alert('1')</script><img src=x onerror="alert(2)">&amp;`

/** Fourteen days by hour: quiet nights, full days, a daemon that was away for an afternoon. */
export function twoWeeks(name = 'ivr'): Bucket[] {
  return Array.from({ length: 14 * 24 }, (_, index) => ({
    start: firstHour + index * spans.hour,
    figures: hourOf(index, name),
  })).filter((_, index) => index < 60 || index >= 66)
}

function hourOf(index: number, name: string): Figures {
  const inUse = Math.min(40, (index % 24) * 2 + (index % 7))
  const isFull = inUse === 40
  return {
    ...noFigures,
    observedMs: spans.hour,
    inUseMs: inUse * spans.hour,
    fullMs: isFull ? 60_000 : 0,
    peak: inUse,
    limit: { low: index < 100 ? 40 : 50, high: index < 100 ? 40 : 50 },
    granted: inUse * 20,
    refused: isFull ? { 'limit-reached': 12, 'application-limit-reached': 3 } : {},
    released: { released: inUse * 19, leaked: inUse },
    applications: {
      [name]: { inUseMs: inUse * spans.hour, peak: inUse, granted: inUse * 20, refused: isFull ? 15 : 0 },
    },
  }
}

export function pageOf(
  hours: readonly Bucket[],
  changes: Partial<ReportPage> & { by?: Span; application?: string | null } = {},
): ReportPage {
  const { by = 'hour', application = null, ...rest } = changes
  const to = firstHour + 14 * spans.day
  const sums = new Map<number, Figures>()
  for (const { start, figures } of hours) {
    const span = startOf(by, start)
    sums.set(span, addFigures(sums.get(span) ?? noFigures, figures))
  }
  const rows = [...sums].map(([start, figures]) => ({ start, figures }))
  return {
    summary: summarize({ from: firstHour, to, by, application, rows, hours, limit: 50 }),
    hours,
    hostname: 'calls-1.acme.example',
    installationId: 'c0ffee00-0000-4000-8000-00000000000a',
    madeAt: to,
    madeBy: 'sessionctl 1.2.3',
    ...rest,
  }
}
