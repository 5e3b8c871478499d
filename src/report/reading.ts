import {
  type ApplicationFigures,
  addFigures,
  type Bucket,
  type Counts,
  type Figures,
  maxApplicationsKept,
  noFigures,
  otherApplications,
} from './figures.ts'
import { startOf } from './spans.ts'

/** A counter of sessions, as far as its history is kept; its counts begin at the start of the daemon. */
export interface Counted {
  readonly inUse: number
  readonly limit: number
  readonly totals: {
    readonly granted: number
    readonly denied: ReadonlyMap<string, number>
    readonly ended: Counts
  }
  readonly applications: Iterable<{
    readonly name: string
    readonly inUse: number
    readonly peak: number
    readonly granted: number
    readonly denied: number
  }>
}

/** What a counter said at one time; it does not change with the counter. */
export interface Reading {
  /** Whole monotonic milliseconds. */
  readonly at: number
  readonly inUse: number
  readonly limit: number
  readonly granted: number
  readonly refused: Counts
  readonly released: Counts
  readonly applications: ReadonlyMap<string, ApplicationReading>
}

interface ApplicationReading {
  readonly inUse: number
  readonly peak: number
  readonly granted: number
  readonly refused: number
}

/** Two readings further apart than this say nothing of the time between them: the process was stopped. */
export const maxGapMs = 60_000

/** `now` in monotonic milliseconds. The first applications of the counter are told apart; their order never changes. */
export function readCounter(counter: Counted, now: number): Reading {
  const { inUse, limit, totals } = counter
  const applications = new Map<string, ApplicationReading>()
  const refused = Object.fromEntries(totals.denied)
  const rest = { inUse, peak: 0, granted: totals.granted, refused: sum(refused) }
  let isWhole = true
  for (const { name, inUse, peak, granted, denied } of counter.applications) {
    // One place is left for the others, whatever they are.
    if (applications.size >= maxApplicationsKept - 1) {
      isWhole = false
      break
    }
    applications.set(name, { inUse, peak, granted, refused: denied })
    rest.inUse -= inUse
    rest.granted -= granted
    rest.refused -= denied
  }
  if (!isWhole) applications.set(otherApplications, rest)
  const { granted, ended } = totals
  return { at: Math.round(now), inUse, limit, granted, refused, released: { ...ended }, applications }
}

/**
 * What happened between two readings of one counter. `peak`: the most in use at one time between them, which they
 * cannot know. What was in use is taken to have changed evenly: of calls that come and go within a quarter of a second
 * as many are missed as are counted for too long.
 */
export function figuresBetween(before: Reading, after: Reading, peak: number): Figures {
  const gap = after.at - before.at
  const ms = gap > maxGapMs ? 0 : gap
  return {
    observedMs: ms,
    inUseMs: area(before.inUse, after.inUse, ms),
    fullMs: Math.round((ms * (isFull(before) + isFull(after))) / 2),
    peak: Math.max(peak, after.inUse),
    limit: { low: Math.min(before.limit, after.limit), high: Math.max(before.limit, after.limit) },
    granted: after.granted - before.granted,
    refused: countsBetween(before.refused, after.refused),
    released: countsBetween(before.released, after.released),
    applications: applicationsBetween(before, after, ms),
  }
}

/**
 * The figures of a time that ended at `endedAt` (milliseconds since the epoch), by minute. Time is split exactly;
 * counts, which have no time of their own, go to the last minute. The clock may have been set: only its end counts.
 */
export function byMinute(figures: Figures, endedAt: number): Bucket[] {
  const end = Math.round(endedAt)
  const last = startOf('minute', end)
  const earlierMs = Math.min(figures.observedMs, Math.max(0, figures.observedMs - (end - last)))
  if (earlierMs === 0) return [{ start: last, figures }]
  const first = shareOf(figures, earlierMs)
  const { observedMs, inUseMs, fullMs } = figures
  const rest = {
    ...figures,
    observedMs: observedMs - first.observedMs,
    inUseMs: inUseMs - first.inUseMs,
    fullMs: fullMs - first.fullMs,
    applications: withoutTime(figures.applications, first.applications),
  }
  return [
    { start: startOf('minute', end - observedMs), figures: first },
    { start: last, figures: rest },
  ]
}

/** The first `ms` of a time, without its counts. */
function shareOf(figures: Figures, ms: number): Figures {
  const part = (whole: number) => Math.round((whole * ms) / figures.observedMs)
  const applications = Object.entries(figures.applications).map(([name, { inUseMs, peak }]) => [
    name,
    { inUseMs: part(inUseMs), peak, granted: 0, refused: 0 },
  ])
  return {
    ...noFigures,
    observedMs: ms,
    inUseMs: part(figures.inUseMs),
    fullMs: part(figures.fullMs),
    peak: figures.peak,
    limit: figures.limit,
    applications: Object.fromEntries(applications),
  }
}

function withoutTime(whole: Figures['applications'], part: Figures['applications']): Figures['applications'] {
  const entries = Object.entries(whole).map(([name, figures]): [string, ApplicationFigures] => [
    name,
    { ...figures, inUseMs: figures.inUseMs - (part[name]?.inUseMs ?? 0) },
  ])
  return Object.fromEntries(entries)
}

/** Adds figures to those of their minutes. */
export function addTo(minutes: Map<number, Figures>, buckets: readonly Bucket[]): void {
  for (const { start, figures } of buckets) {
    minutes.set(start, addFigures(minutes.get(start) ?? noFigures, figures))
  }
}

/** Where nothing is licensed there is nothing to fill. */
function isFull({ inUse, limit }: Reading): 0 | 1 {
  return limit > 0 && inUse >= limit ? 1 : 0
}

function area(before: number, after: number, ms: number): number {
  return Math.round(((before + after) * ms) / 2)
}

function countsBetween(before: Counts, after: Counts): Counts {
  const changed = Object.entries(after).map(([name, count]): [string, number] => [
    name,
    count - (before[name] ?? 0),
  ])
  return Object.fromEntries(changed.filter(([, count]) => count !== 0))
}

const noApplication: ApplicationReading = { inUse: 0, peak: 0, granted: 0, refused: 0 }

function applicationsBetween(before: Reading, after: Reading, ms: number): Figures['applications'] {
  const figures: Record<string, ApplicationFigures> = {}
  for (const [name, now] of after.applications) {
    const then = before.applications.get(name) ?? noApplication
    const own: ApplicationFigures = {
      inUseMs: area(then.inUse, now.inUse, ms),
      peak: now.peak > then.peak ? now.peak : Math.max(then.inUse, now.inUse),
      granted: now.granted - then.granted,
      refused: now.refused - then.refused,
    }
    if (own.inUseMs + own.peak + own.granted + own.refused > 0) figures[name] = own
  }
  return figures
}

function sum(counts: Counts): number {
  return Object.values(counts).reduce((all, count) => all + count, 0)
}
