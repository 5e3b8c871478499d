import type { RefusalReason, SessionPolicy } from './policy.ts'

/** One application's part of the policy, resolved once per policy change, and its counts since the start. */
export interface Application {
  readonly name: string
  readonly index: number
  inUse: number
  /** Of those in use, the ones that wait to be resumed. */
  orphaned: number
  /** Most in use at one time. */
  peak: number
  granted: number
  denied: number
  max: number | null
  /** Whether the license has the feature that the application needs. */
  featureLicensed: boolean
  maxDurationMs: number | null
}

/** The applications that were ever named, bounded by the policy. */
export class ApplicationTable {
  readonly #applications: Application[] = []
  readonly #byName = new Map<string, Application>()
  #policy: SessionPolicy

  constructor(policy: SessionPolicy) {
    this.#policy = policy
  }

  /** True where a session of some application may become too old. */
  anyHasMaxDuration = false

  at(index: number): Application {
    return this.#applications[index]!
  }

  /** The application of that name; null where there are too many different ones already. */
  named(name: string): Application | null {
    return this.#byName.get(name) ?? this.#add(name)
  }

  /** As `named`, without a bound: a journalled session is counted whatever the configuration says now. */
  restored(name: string): Application {
    return this.#byName.get(name) ?? this.#insert(name)
  }

  setPolicy(policy: SessionPolicy): void {
    this.#policy = policy
    this.anyHasMaxDuration = false
    for (const application of this.#applications) this.#resolve(application)
  }

  [Symbol.iterator](): Iterator<Application> {
    return this.#applications[Symbol.iterator]()
  }

  #add(name: string): Application | null {
    if (this.#applications.length >= this.#policy.maxApplications) return null
    return this.#insert(name)
  }

  #insert(name: string): Application {
    const index = this.#applications.length
    const application: Application = {
      name,
      index,
      inUse: 0,
      orphaned: 0,
      peak: 0,
      granted: 0,
      denied: 0,
      max: null,
      featureLicensed: true,
      maxDurationMs: null,
    }
    this.#resolve(application)
    this.#applications.push(application)
    this.#byName.set(name, application)
    return application
  }

  #resolve(application: Application): void {
    const configured = this.#policy.applications.get(application.name)
    application.max = configured?.max ?? null
    application.maxDurationMs = configured?.maxDurationMs ?? null
    const feature = configured?.feature ?? null
    application.featureLicensed = feature === null || this.#policy.features.has(feature)
    if (application.maxDurationMs !== null) this.anyHasMaxDuration = true
  }
}

/** Counts since the start, for status and metrics. */
export interface Totals {
  granted: number
  peak: number
  /** Most sessions in use since whoever watches them last set this back to what was in use then. */
  recentPeak: number
  readonly denied: Map<RefusalReason, number>
  readonly ended: Record<'released' | 'orphan-timeout' | 'dead-process' | 'max-duration' | 'operator', number>
  /** Sessions taken back on the proof of their signature, after a crash that lost them. */
  adopted: number
}

export function noTotals(): Totals {
  return {
    granted: 0,
    peak: 0,
    recentPeak: 0,
    denied: new Map(),
    ended: { released: 0, 'orphan-timeout': 0, 'dead-process': 0, 'max-duration': 0, operator: 0 },
    adopted: 0,
  }
}

/** So many sessions are in use now. Called for every grant, so that no peak between two looks is missed. */
export function notePeak(totals: Totals, inUse: number): void {
  if (inUse <= totals.recentPeak) return
  totals.recentPeak = inUse
  if (inUse > totals.peak) totals.peak = inUse
}
