import { type Advice, adviceFor } from './advice.ts'
import { type Bucket, type Figures, noFigures, ofApplication, sumFigures } from './figures.ts'
import { type Span, spans, startOf } from './spans.ts'

/** Points that a report may have: 35 days of minutes, and more years of hours than are kept. */
export const maxPoints = 60_000

export interface SummaryInput {
  /** Milliseconds since the epoch, `to` not included. Both are moved out to where a span of `by` begins. */
  readonly from: number
  readonly to: number
  readonly by: Span
  /** The one application that it is about; null for all. */
  readonly application: string | null
  /** Rows of `by` and of the hours, in any order; what lies outside is left out. */
  readonly rows: readonly Bucket[]
  readonly hours: readonly Bucket[]
  /** The licensed limit that was in force last, whenever that was; null where none is known. */
  readonly limit: number | null
}

/** A report: what happened from one instant to another, and what follows from it. Plain data, as JSON shows it. */
export interface Summary {
  readonly from: number
  readonly to: number
  readonly by: Span
  readonly application: string | null
  readonly limit: number | null
  readonly total: Figures
  /** One for each span from `from` to `to`, in their order. */
  readonly series: readonly Point[]
  readonly busyHour: BusyHour | null
  readonly advice: Advice | null
}

/** A span of the series; `figures` are null where no daemon watched, which is not the same as an idle time. */
export interface Point {
  readonly start: number
  readonly figures: Figures | null
}

/** The hour of the clock that carried most. */
export interface BusyHour {
  readonly start: number
  readonly figures: Figures
  /** Mean number of sessions in use while it was watched. */
  readonly erlangs: number
}

/** How many points a report would have. */
export function pointsOf({ from, to, by }: Pick<SummaryInput, 'from' | 'to' | 'by'>): number {
  return Math.max(0, (ceil(by, to) - startOf(by, from)) / spans[by])
}

/** Makes the report of those rows. Its length is the caller's to bound, see `maxPoints`. */
export function summarize(input: SummaryInput): Summary {
  const { by, application, limit } = input
  const [from, to] = [startOf(by, input.from), ceil(by, input.to)]
  const within = ({ start }: Bucket) => start >= from && start < to
  const own = (figures: Figures) => (application === null ? figures : ofApplication(figures, application))
  const byStart = new Map(input.rows.filter(within).map(({ start, figures }) => [start, own(figures)]))
  const series: Point[] = []
  for (let start = from; start < to; start += spans[by]) {
    series.push({ start, figures: byStart.get(start) ?? null })
  }
  const hours = hoursWithin({ from, to }, input.hours).map(({ start, figures }) => ({
    start,
    figures: own(figures),
  }))
  const busyHour = busiest(hours)
  return {
    from,
    to,
    by,
    application,
    limit,
    total: sumFigures(byStart.values()),
    series,
    busyHour,
    // The license limits all applications together, so that for one alone there is no blocking to foretell.
    advice: busyHour === null ? null : adviceFor(busyHour, application === null ? limit : null),
  }
}

/** Hours are told whole: also the one that `from` lies in, where the spans are minutes. */
export function hoursWithin({ from, to }: Pick<Summary, 'from' | 'to'>, hours: readonly Bucket[]): Bucket[] {
  const first = startOf('hour', from)
  return hours.filter(({ start }) => start >= first && start < to)
}

/** The part of the time, up to `now`, in which a daemon watched; null where there is no such time. */
export function watchedShare({ from, to, total }: Summary, now: number): number | null {
  const ms = Math.min(to, now) - from
  return ms <= 0 ? null : Math.min(1, total.observedMs / ms)
}

function busiest(hours: readonly Bucket[]): BusyHour | null {
  let best: Bucket = { start: 0, figures: noFigures }
  for (const hour of hours) if (hour.figures.inUseMs > best.figures.inUseMs) best = hour
  const { start, figures } = best
  return figures.observedMs === 0 ? null : { start, figures, erlangs: figures.inUseMs / figures.observedMs }
}

function ceil(by: Span, instant: number): number {
  const start = startOf(by, instant)
  return start === instant ? start : start + spans[by]
}
