import { Exposition, type Page, type Sample } from '../../exposition.ts'
import { type LifecycleState, lifecycleStates } from '../../license/lifecycle.ts'
import { REFUSAL_REASONS } from '../../protocol/codes.ts'
import type { Application } from '../../session/applications.ts'
import type { SessionCounter } from '../../session/counter.ts'
import { type UsageState, usageStates } from '../../session/usage-state.ts'
import type { Meters } from './meters.ts'

/** Applications that are told apart; what further ones do is told together, by a name that none can have. */
export const MAX_APPLICATIONS_TOLD = 128
export const OTHER_APPLICATIONS = '_other'

const reactivationOwners = ['daemon', 'systemd', 'off']

/** What the metrics are read from at each scrape. Instants are milliseconds since the epoch. */
export interface MetricsSource {
  readonly version: string
  readonly counter: Pick<
    SessionCounter,
    'inUse' | 'limit' | 'orphaned' | 'clients' | 'totals' | 'applications' | 'draining'
  >
  readonly meters: Pick<Meters, 'acquires' | 'commits' | 'loopLag'>
  readonly usage: {
    readonly state: () => UsageState
    readonly recentPeak: () => number
    readonly secondsUntilFull: () => number
  }
  readonly connections: () => { readonly open: number; readonly max: number }
  readonly isJournalDegraded: () => boolean
  readonly isStateDegraded: () => boolean
  readonly license: () => {
    readonly state: LifecycleState
    readonly admits: boolean
    readonly expiresAt: number | null
    readonly graceEndsAt: number | null
    readonly reactivationDueAt: number | null
  }
  readonly reactivation: {
    readonly owner: () => string
    readonly outcomes: Readonly<Record<string, number>>
    readonly view: () => {
      readonly lastAttemptAt: string | null
      readonly lastSuccessAt: string | null
      readonly failures: number
    }
  }
}

/** Makes the metrics of the daemon. What counts are plain numbers; they are read when somebody scrapes. */
export function daemonMetrics(source: MetricsSource): (openMetrics: boolean) => Promise<Page> {
  const exposition = new Exposition('sessiond')
  const add = new Sampled(exposition)
  add.gauge('build_info', 'The version that runs, and the Node.js below it; always 1.', () => 1, {
    version: source.version,
    node: process.versions.node,
  })
  addSessions(add, source)
  addApplications(exposition, source)
  addUsage(add, source)
  addLicense(add, source)
  addReactivation(exposition, add, source)
  addDaemon(exposition, add, source)
  addProcess(new Exposition('process', exposition))
  return openMetrics => exposition.render(openMetrics)
}

/** Shorter ways to what most metrics are: one number, or one for each value of a label. */
class Sampled {
  readonly #exposition: Exposition

  constructor(exposition: Exposition) {
    this.#exposition = exposition
  }

  /** Where `read` gives null there is no such figure now. */
  gauge(name: string, help: string, read: () => number | null, labels: Record<string, string> = {}): void {
    this.#exposition.sampledGauge(name, help, Object.keys(labels), () => {
      const value = read()
      return value === null ? [] : [{ labels, value }]
    })
  }

  counter(name: string, help: string, read: () => number): void {
    this.#exposition.sampledCounter(name, help, [], () => [{ value: read() }])
  }

  counters(name: string, help: string, label: string, read: () => Iterable<[string, number]>): void {
    this.#exposition.sampledCounter(name, help, [label], () => labelled(label, read()))
  }

  /** One figure for each state, of which the one in force is 1. */
  states(name: string, help: string, states: readonly string[], read: () => string): void {
    this.#exposition.sampledGauge(name, help, ['state'], () => {
      const current = read()
      return labelled(
        'state',
        states.map(state => [state, state === current ? 1 : 0]),
      )
    })
  }
}

function* labelled(label: string, figures: Iterable<[string, number]>): Generator<Sample> {
  for (const [name, value] of figures) yield { labels: { [label]: name }, value }
}

function addSessions(add: Sampled, { counter, usage }: MetricsSource): void {
  const { totals } = counter
  add.gauge('sessions_in_use', 'Sessions counted now, orphaned ones included.', () => counter.inUse)
  add.gauge('sessions_limit', 'Licensed sessions.', () => counter.limit)
  add.gauge(
    'sessions_orphaned',
    'Sessions whose connection is gone and that may be resumed.',
    () => counter.orphaned,
  )
  add.gauge('sessions_peak', 'Most sessions in use at one time since the start.', () => totals.peak)
  add.gauge(
    'sessions_recent_peak',
    'Most sessions in use at one time in the last two minutes.',
    usage.recentPeak,
  )
  add.counter('grants_total', 'Sessions that were granted.', () => totals.granted)
  add.counters('refusals_total', 'Sessions that were refused, by reason.', 'reason', () =>
    REFUSAL_REASONS.map(reason => [reason, totals.denied.get(reason) ?? 0]),
  )
  add.counters('releases_total', 'Sessions that ended, by cause.', 'cause', () =>
    Object.entries(totals.ended),
  )
  add.counter(
    'adoptions_total',
    'Sessions of the run before, lost by its journal, that were taken back.',
    () => totals.adopted,
  )
}

function addApplications(exposition: Exposition, { counter }: MetricsSource): void {
  const of = (read: (application: Application) => number | null) => () =>
    labelled('application', byApplication(counter.applications, read))
  const gauge = (name: string, help: string, read: (application: Application) => number | null) =>
    exposition.sampledGauge(`application_${name}`, help, ['application'], of(read))
  gauge('sessions_in_use', 'Sessions counted now, by application.', ({ inUse }) => inUse)
  gauge('sessions_max', 'Sessions that the application may hold, where that is configured.', ({ max }) => max)
  gauge('sessions_orphaned', 'Orphaned sessions, by application.', ({ orphaned }) => orphaned)
  gauge('sessions_peak', 'Most sessions of the application at one time since the start.', ({ peak }) => peak)
  const count = (name: string, help: string, read: (application: Application) => number) =>
    exposition.sampledCounter(`application_${name}`, help, ['application'], of(read))
  count('grants_total', 'Sessions that were granted, by application.', ({ granted }) => granted)
  count('refusals_total', 'Sessions that were refused, by application.', ({ denied }) => denied)
}

/**
 * Figures by application. Callers choose the names, so only the first ones have a label of their own: one that
 * was told apart once stays so, and no counter ever falls.
 */
function byApplication(
  applications: Iterable<Application>,
  read: (application: Application) => number | null,
): Map<string, number> {
  const figures = new Map<string, number>()
  for (const application of applications) {
    const value = read(application)
    if (value === null) continue
    const name = application.index < MAX_APPLICATIONS_TOLD ? application.name : OTHER_APPLICATIONS
    figures.set(name, (figures.get(name) ?? 0) + value)
  }
  return figures
}

function addUsage(add: Sampled, { usage }: MetricsSource): void {
  add.states('usage_state', 'How full it is, with hysteresis.', usageStates, usage.state)
  add.gauge(
    'seconds_until_full',
    'Time until callers are refused for want of sessions, at the trend of the last five minutes.',
    usage.secondsUntilFull,
  )
}

function addLicense(add: Sampled, { license }: MetricsSource): void {
  const seconds = (instant: number | null) => (instant === null ? null : instant / 1000)
  add.states('license_state', 'What the license means now.', lifecycleStates, () => license().state)
  add.gauge('license_admits', '1 where the license lets new sessions be granted.', () =>
    license().admits ? 1 : 0,
  )
  add.gauge(
    'license_expiry_timestamp_seconds',
    'Last instant of the license; none where it is perpetual or there is none.',
    () => seconds(license().expiresAt),
  )
  add.gauge('license_grace_end_timestamp_seconds', 'Last instant of the grace after the expiry.', () =>
    seconds(license().graceEndsAt),
  )
  add.gauge(
    'license_reactivation_due_timestamp_seconds',
    'By then the license must have been refreshed; none where it need not be.',
    () => seconds(license().reactivationDueAt),
  )
}

function addReactivation(exposition: Exposition, add: Sampled, { reactivation }: MetricsSource): void {
  exposition.sampledCounter(
    'reactivations_total',
    'Reactivations that came to an end since the start, by outcome, whoever asked for them.',
    ['outcome'],
    () => labelled('outcome', Object.entries(reactivation.outcomes)),
  )
  exposition.sampledGauge(
    'reactivation_owner',
    'Who reactivates from time to time: 1 for that one, 0 for the others.',
    ['owner'],
    () => {
      const current = reactivation.owner()
      return labelled(
        'owner',
        reactivationOwners.map(owner => [owner, owner === current ? 1 : 0]),
      )
    },
  )
  const seconds = (at: string | null) => (at === null ? null : Date.parse(at) / 1000)
  add.gauge(
    'reactivation_last_attempt_timestamp_seconds',
    'When the last reactivation ended, whatever came of it; none where none was made.',
    () => seconds(reactivation.view().lastAttemptAt),
  )
  add.gauge(
    'reactivation_last_success_timestamp_seconds',
    'When a license or a confirmation last came; none where none ever came.',
    () => seconds(reactivation.view().lastSuccessAt),
  )
  add.gauge(
    'reactivation_failures',
    'Reactivations without an answer since the last one that had one.',
    () => reactivation.view().failures,
  )
}

function addDaemon(exposition: Exposition, add: Sampled, source: MetricsSource): void {
  const { counter, meters, connections, isJournalDegraded, isStateDegraded } = source
  add.gauge('connections', 'Open connections of call processes and commands.', () => connections().open)
  add.gauge('connections_max', 'Connections that may be open at one time.', () => connections().max)
  add.gauge('clients', 'Known clients, those with orphaned sessions included.', () => counter.clients)
  add.gauge('draining', '1 where the daemon is about to stop and grants nothing more.', () =>
    counter.draining ? 1 : 0,
  )
  add.gauge('journal_degraded', '1 where the journal cannot be written.', () => (isJournalDegraded() ? 1 : 0))
  add.gauge('state_degraded', '1 where the state database cannot be written.', () =>
    isStateDegraded() ? 1 : 0,
  )
  exposition.sampledHistogram(
    'acquire_duration_seconds',
    'Time from the first frame of a turn to its last reply, for each acquire in it.',
    meters.acquires,
  )
  exposition.sampledHistogram(
    'journal_commit_duration_seconds',
    'Time that a commit of the journal took.',
    meters.commits,
  )
  exposition.sampledHistogram(
    'event_loop_lag_seconds',
    'Time that the event loop was late, looked at ten times a second.',
    meters.loopLag,
  )
}

/** By the names that Prometheus knows them by. */
function addProcess(exposition: Exposition): void {
  exposition.sampledCounter('cpu_seconds_total', 'Processor time of the daemon.', [], () => {
    const { user, system } = process.cpuUsage()
    return [{ value: (user + system) / 1e6 }]
  })
  exposition.sampledGauge('resident_memory_bytes', 'Resident memory of the daemon.', [], () => [
    { value: process.memoryUsage.rss() },
  ])
  const startedAt = Math.round(Date.now() / 1000 - process.uptime())
  exposition.sampledGauge('start_time_seconds', 'When the daemon started.', [], () => [{ value: startedAt }])
}
