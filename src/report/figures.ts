/**
 * What happened within a span of time: a minute, an hour, or all of a report. Every figure is a whole number, and
 * `addFigures` is all that is ever done to two of them, so the sum of the parts is the whole in any order.
 */
export interface Figures {
  /** Milliseconds in which the daemon watched. 0: it did not run, which is not the same as an idle time. */
  readonly observedMs: number
  /** Sessions in use times milliseconds. Over `observedMs` it is the mean, over an hour the load in erlangs. */
  readonly inUseMs: number
  /** Milliseconds in which all licensed sessions were in use. */
  readonly fullMs: number
  /** Most in use at one time. */
  readonly peak: number
  /** The lowest and the highest limit that was in force; null where nothing was watched. */
  readonly limit: { readonly low: number; readonly high: number } | null
  readonly granted: number
  /** Refused acquires, by reason; reasons that did not occur are left out. */
  readonly refused: Counts
  /** Sessions that ended, by cause, likewise. */
  readonly released: Counts
  /** By the name of the application; those that did nothing are left out. */
  readonly applications: Readonly<Record<string, ApplicationFigures>>
}

export type Counts = Readonly<Record<string, number>>

/** As in Figures, of one application. */
export interface ApplicationFigures {
  readonly inUseMs: number
  /** As seen four times a second; a new high since the start is seen always. */
  readonly peak: number
  readonly granted: number
  readonly refused: number
}

/** Figures of a span that begins at `start`, milliseconds since the epoch. */
export interface Bucket {
  readonly start: number
  readonly figures: Figures
}

/** Applications that are told apart within one span. Callers choose the names, so there must be a bound. */
export const maxApplicationsKept = 32
/** What all others did, by a name that no application can have. */
export const otherApplications = '_other'

export const noFigures: Figures = {
  observedMs: 0,
  inUseMs: 0,
  fullMs: 0,
  peak: 0,
  limit: null,
  granted: 0,
  refused: {},
  released: {},
  applications: {},
}

/** The figures of two times together. */
export function addFigures(a: Figures, b: Figures): Figures {
  return {
    observedMs: a.observedMs + b.observedMs,
    inUseMs: a.inUseMs + b.inUseMs,
    fullMs: a.fullMs + b.fullMs,
    peak: Math.max(a.peak, b.peak),
    limit: addLimits(a.limit, b.limit),
    granted: a.granted + b.granted,
    refused: addCounts(a.refused, b.refused),
    released: addCounts(a.released, b.released),
    applications: addApplications(a.applications, b.applications),
  }
}

export function sumFigures(all: Iterable<Figures>): Figures {
  let sum = noFigures
  for (const figures of all) sum = addFigures(sum, figures)
  return sum
}

export function total(counts: Counts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0)
}

/** The time-weighted mean of what was in use; null where nothing was watched. */
export function meanInUse({ inUseMs, observedMs }: Figures): number | null {
  return observedMs === 0 ? null : inUseMs / observedMs
}

/**
 * The figures as if one application were all that there is. Reasons and causes are not kept by application, so its
 * refusals stand under `any`.
 */
export function ofApplication(figures: Figures, name: string): Figures {
  const own = figures.applications[name]
  const { observedMs, limit } = figures
  if (own === undefined) return { ...noFigures, observedMs, limit }
  const { refused, ...rest } = own
  return { ...noFigures, observedMs, limit, ...rest, refused: refused === 0 ? {} : { any: refused } }
}

function addLimits(a: Figures['limit'], b: Figures['limit']): Figures['limit'] {
  if (a === null || b === null) return a ?? b
  return { low: Math.min(a.low, b.low), high: Math.max(a.high, b.high) }
}

function addCounts(a: Counts, b: Counts): Counts {
  const sum: Record<string, number> = { ...a }
  for (const [name, count] of Object.entries(b)) sum[name] = (sum[name] ?? 0) + count
  return sum
}

function addApplications(a: Figures['applications'], b: Figures['applications']): Figures['applications'] {
  const sum: Record<string, ApplicationFigures> = { ...a }
  for (const [given, figures] of Object.entries(b)) {
    const isKept = sum[given] !== undefined || Object.keys(sum).length < maxApplicationsKept
    const name = isKept ? given : otherApplications
    const before = sum[name]
    sum[name] = before === undefined ? figures : addApplication(before, figures)
  }
  return sum
}

function addApplication(a: ApplicationFigures, b: ApplicationFigures): ApplicationFigures {
  return {
    inUseMs: a.inUseMs + b.inUseMs,
    peak: Math.max(a.peak, b.peak),
    granted: a.granted + b.granted,
    refused: a.refused + b.refused,
  }
}
