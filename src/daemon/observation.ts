import type { AddressInfo } from 'node:net'
import { messageOf } from '../errors.ts'
import type { LifecycleState } from '../license/lifecycle.ts'
import type { SessionCounter } from '../session/counter.ts'
import type { Config } from './config/schema.ts'
import { historyFileOf } from './databases.ts'
import { HistoryRecorder } from './history/recorder.ts'
import type { Logger } from './log.ts'
import { LOOP_CHECK_EVERY_MS, Meters } from './operations/meters.ts'
import type { MetricsSource } from './operations/metrics.ts'
import { paced, type Render } from './operations/paced.ts'
import { OperationsServer, type Readiness } from './operations/server.ts'
import { type UsageListener, UsageWatch } from './usage.ts'

const LOOK_EVERY_MS = 250
const LISTEN_AGAIN_EVERY_MS = 60_000

export interface ObservationParts {
  readonly version: string
  readonly config: () => Config
  /** Descriptors of sockets that systemd opened. */
  readonly given: { readonly operations?: number }
  readonly log: Logger
  /** Monotonic milliseconds. */
  readonly now: () => number
  readonly clocks: { readonly wallNow: () => number }
  readonly counter: SessionCounter
  readonly journal: { readonly degraded: boolean }
  readonly state: { readonly degraded: boolean }
  readonly keeper: {
    readonly lifecycle: ReturnType<MetricsSource['license']> & { readonly state: LifecycleState }
  }
  readonly reactivator: {
    readonly owner: string
    readonly outcomes: Readonly<Record<string, number>>
    readonly view: ReturnType<MetricsSource['reactivation']['view']>
  }
  readonly connections: () => number
  readonly every: (ms: number, act: () => void) => void
  readonly onFault: (error: unknown) => void
  /** Told when the usage state has changed. */
  readonly onUsage: UsageListener
}

/** Composes what operators see of a daemon that runs: usage state, metrics and probes. It is in no call's way. */
export class Observation {
  readonly meters: Meters
  readonly usage: UsageWatch
  readonly #parts: ObservationParts
  readonly #history: HistoryRecorder
  readonly #server: OperationsServer | null
  #cannotListen: string | null = null
  #isStarted = false
  #isClosed = false

  constructor(parts: ObservationParts) {
    const { now, counter, config, given, log, onFault, onUsage } = parts
    this.#parts = parts
    this.meters = new Meters(now)
    this.usage = new UsageWatch(counter, () => config().usage, log, onUsage)
    this.#history = new HistoryRecorder(
      {
        path: historyFileOf(config().stateDirectory),
        settings: () => config().history,
        counter,
        takePeak: () => this.usage.takePeak(),
        wallNow: parts.clocks.wallNow,
        log,
      },
      now(),
    )
    const { enabled, host, port } = config().operations
    const readiness = () => this.#readiness()
    const loadMetrics = () => this.#loadMetrics()
    const options = { host, port, fd: given.operations, readiness, loadMetrics, onFault }
    this.#server = enabled || given.operations !== undefined ? new OperationsServer(options) : null
  }

  /** Where metrics and probes are served; null where they are not. */
  get address(): AddressInfo | null {
    return this.#server?.address ?? null
  }

  /** Call it when clients are served already: nothing here may hold them up, or stop the start. */
  async start(): Promise<void> {
    const { every } = this.#parts
    this.#isStarted = true
    every(LOOK_EVERY_MS, () => this.#look())
    every(LOOP_CHECK_EVERY_MS, () => this.meters.checkLoop())
    every(LISTEN_AGAIN_EVERY_MS, () => void this.#listen())
    await this.#listen()
  }

  close(): void {
    if (this.#isStarted && !this.#isClosed) this.#history.close(this.#parts.now())
    this.#isClosed = true
    this.#server?.close()
  }

  #look(): void {
    const now = this.#parts.now()
    this.usage.look(now)
    this.#history.look(now)
  }

  async #listen(): Promise<void> {
    const { log, config } = this.#parts
    const server = this.#server
    if (server === null || server.address !== null || this.#isClosed) return
    try {
      await server.listen()
      this.#cannotListen = null
      log.info({ operations: server.address }, 'Metrics and probes are served.')
    } catch (error) {
      const why = messageOf(error)
      if (why === this.#cannotListen) return
      this.#cannotListen = why
      const { host, port } = config().operations
      const hint = 'Look at operations.* in the configuration, and at what listens there already.'
      log.error({ host, port, hint }, `Metrics and probes are not served; it is tried again. ${why}`)
    }
  }

  #readiness(): Readiness {
    const { counter, journal, keeper } = this.#parts
    const { state, admits } = keeper.lifecycle
    const { draining } = counter
    const ready = admits && !draining && !journal.degraded
    return { ready, draining, license: state, admits, journal: journal.degraded ? 'degraded' : 'ok' }
  }

  async #loadMetrics(): Promise<Render> {
    const { daemonMetrics } = await import('./operations/metrics.ts')
    const { version, config, now, counter, journal, state, keeper, reactivator, connections } = this.#parts
    const { meters, usage } = this
    const render = daemonMetrics({
      version,
      counter,
      meters,
      usage: {
        state: () => usage.state(now()),
        recentPeak: () => usage.recentPeak(now()),
        secondsUntilFull: () => usage.secondsUntilFull(now()),
      },
      connections: () => ({ open: connections(), max: config().bounds.maxConnections }),
      isJournalDegraded: () => journal.degraded,
      isStateDegraded: () => state.degraded,
      license: () => keeper.lifecycle,
      reactivation: {
        owner: () => reactivator.owner,
        outcomes: reactivator.outcomes,
        view: () => reactivator.view,
      },
    })
    return paced(render, now)
  }
}
