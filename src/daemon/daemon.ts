import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SessionCounter } from '../session/counter.ts'
import { readAccessToken } from './access-token.ts'
import { configRejectedEvent, licenseStateEvent, releaseEvent } from './audit/daemon-events.ts'
import { monotonicNow, systemClocks } from './clocks.ts'
import { changedKeys } from './config/changes.ts'
import { type Config, operatorsSocketOf } from './config/schema.ts'
import { reloaded } from './config/until-restart.ts'
import { Gateway } from './gateway/gateway.ts'
import { licenseFields, type Standing } from './license/license-keeper.ts'
import { listenForClients, listenForOperators } from './listen.ts'
import type { Logger } from './log.ts'
import { createNonces } from './nonces.ts'
import { Observation } from './observation.ts'
import { Overdue } from './overdue.ts'
import { openParts, type Parts, type Start } from './parts.ts'
import { watchProcess } from './process-watch.ts'
import { RareLog } from './rare-log.ts'
import { restoreSessions } from './restore-sessions.ts'
import type { RunningDaemon } from './running-daemon.ts'
import { sessionPolicyOf } from './session-policy.ts'
import { Timers } from './timers.ts'
import { openTokenSigners, sealToken } from './token-keys.ts'
import { licenseView, statusLine, statusView } from './views.ts'

const EXPIRE_EVERY_MS = 250
const LOOK_EVERY_MS = 1000
const HEAL_STATE_EVERY_MS = 5000
const ADVANCE_EVERY_MS = 60_000
const LOG_SAME_EVERY_MS = 10_000

/** For clients to answer the close frame at the stop. */
const CLOSE_GRACE_MS = 1000

/**
 * Composes the daemon and starts it. Resolves when it listens. Faults: what stops a start is a configuration,
 * state or socket that cannot be used, or a daemon that runs already; never the license.
 */
export async function startDaemon(
  config: Config,
  log: Logger,
  version: string,
  { clocks = systemClocks, given = {} }: Partial<Pick<Start, 'clocks' | 'given'>> = {},
): Promise<RunningDaemon> {
  const daemon = new Daemon(await openParts({ config, log, version, clocks, given }))
  try {
    await daemon.listen()
  } catch (error) {
    daemon.dispose()
    throw error
  }
  return daemon
}

class Daemon implements RunningDaemon {
  readonly #parts: Parts
  readonly #log: Logger
  readonly #rare = new RareLog(LOG_SAME_EVERY_MS, monotonicNow)
  readonly #startedAt = monotonicNow()
  readonly #overdue = new Overdue(watchProcess, this.#startedAt)
  readonly #instanceId: string
  readonly #beginRun: () => void
  readonly #counter: SessionCounter
  readonly #gateway: Gateway
  readonly #observation: Observation
  readonly #servers: Server[] = []
  readonly #timers = new Timers(error => this.#fault(error))
  #config: Config
  #accessToken: string | null = null
  #tcpAddress: AddressInfo | null = null
  #stopping: Promise<void> | null = null

  constructor(parts: Parts) {
    const { config, log, version, run, journal, state, audit, keeper } = parts
    this.#instanceId = run.instanceId
    this.#parts = parts
    this.#config = config
    this.#log = log
    const signers = openTokenSigners(state, run, journal)
    const policy = () => sessionPolicyOf(keeper.license, keeper.lifecycle, this.#config)
    this.#counter = new SessionCounter({
      policy: policy(),
      nonces: createNonces(),
      previousSigner: signers.previous,
    })
    const notes = { archive: state, log, noteRun: signers.begin }
    this.#beginRun = restoreSessions(journal, this.#counter, notes, monotonicNow())
    this.#observation = new Observation({
      ...parts,
      config: () => this.#config,
      counter: this.#counter,
      now: monotonicNow,
      connections: () => this.#gateway.connections,
      every: (ms, act) => this.#timers.every(ms, act),
      onFault: error => this.#fault(error),
      onUsage: (before, after) => audit.record({ what: 'usage.state', before, after }),
    })
    const { meters } = this.#observation
    this.#gateway = new Gateway({
      counter: this.#counter,
      policy,
      bounds: () => this.#config.bounds,
      accessToken: () => this.#accessToken,
      version,
      instanceId: run.instanceId,
      status: () => this.#status(),
      license: () => licenseView(keeper, this.#counter.limit, keeper.rejection),
      watchProcess,
      now: monotonicNow,
      wallNow: parts.clocks.wallNow,
      recordRelease: released => audit.record(releaseEvent(released)),
      commit: () => meters.commit(journal, this.#counter),
      onAcquires: (count, beganAt) => meters.answered(count, beganAt),
      seal: held => (journal.degraded ? sealToken(held, signers.current(), monotonicNow()) : held.token),
      events: {
        handshakeRefused: code => this.#warn(`refused ${code}`, { code }, 'A connection was refused.'),
        acceptFailed: error => this.#warn('not accepted', { error }, 'A connection could not be accepted.'),
        connectionClosed: (cause, client) =>
          this.#warn(`closed ${cause}`, { cause, client }, 'A connection was closed.'),
        fault: error =>
          log.error({ error }, 'A request met a fault of the daemon; its connection is closed.'),
      },
    })
    keeper.onChange = before => this.#licenseChanged(before)
    // It is synced to the disk, which calls need not wait for.
    audit.note({ what: 'daemon.started', after: { version, ...licenseFields(keeper) } })
    log.info(
      { version, instanceId: run.instanceId, ...licenseFields(keeper) },
      `sessiond starts. ${keeper.lifecycle.message}`,
    )
  }

  get addresses(): RunningDaemon['addresses'] {
    return {
      unix: this.#config.listen.unix.path,
      tcp: this.#tcpAddress,
      operations: this.#observation.address,
    }
  }

  get statusLine(): string {
    const { keeper, journal, state } = this.#parts
    const degraded = { journal: journal.degraded, state: state.degraded }
    return statusLine(this.#counter, keeper, degraded, keeper.rejection)
  }

  async listen(): Promise<void> {
    const [{ listen }, { given }] = [this.#config, this.#parts]
    this.#readAccessToken(listen)
    const makeServer = this.#gateway.createServer.bind(this.#gateway)
    const where = await listenForClients(listen, given, () => this.#accessToken, makeServer, this.#servers)
    this.#tcpAddress = where.tcp
    this.#beginRun()
    this.#startTimers()
    this.#log.info(where, 'sessiond listens.')
    await listenForOperators(
      this.#config.listen.operators,
      operatorsSocketOf(this.#config),
      this.#log,
      makeServer,
      this.#servers,
    )
    await this.#observation.start()
  }

  async reload(config: Config): Promise<void> {
    const { config: next, needRestart: keys } = reloaded(this.#config, config)
    // First what can fail, so that a reload is carried out whole or not at all.
    this.#readAccessToken(next.listen)
    if (keys.length > 0) this.#log.warn({ keys }, 'These settings need a restart of the daemon.')
    const changed = changedKeys(this.#config, next)
    this.#config = next
    this.#log.level = config.log.level
    await this.#parts.keeper.reload(this.#config)
    this.#parts.reactivator.reload(this.#config)
    this.#applyPolicy()
    this.#parts.audit.record({ what: 'config.reloaded', ...changed, detail: { needRestart: keys } })
    this.#log.info('The configuration was reloaded.')
  }

  reloadFailed(why: unknown): void {
    this.#parts.audit.record(configRejectedEvent(why))
  }

  #readAccessToken({ tcp }: Config['listen']): void {
    if (tcp.enabled || this.#parts.given.tcp !== undefined) this.#accessToken = readAccessToken(tcp.tokenFile)
  }

  stop(reason: string): Promise<void> {
    this.#stopping ??= this.#stop(reason)
    return this.#stopping
  }

  async #stop(reason: string): Promise<void> {
    const { drainMs } = this.#config.shutdown
    const { inUse } = this.#counter
    this.#log.info({ reason, inUse }, 'sessiond stops. Sessions stay in the journal for the next start.')
    this.#counter.drain()
    this.#gateway.notify('draining', { closesInMs: drainMs })
    await Promise.all([new Promise(done => setTimeout(done, drainMs)), this.#parts.reactivator.stop()])
    for (const server of this.#servers) server.close()
    await this.#gateway.closeAll(1001, 'going away', CLOSE_GRACE_MS)
    this.#parts.journal.commit(this.#counter)
    this.#parts.keeper.advance()
    this.#parts.audit.record({ what: 'daemon.stopped', detail: { reason, inUse: this.#counter.inUse } })
    this.dispose()
    this.#log.info('sessiond stopped.')
  }

  /** Frees what is open. After `stop`, or where the start failed. */
  dispose(): void {
    this.#timers.stop()
    this.#observation.close()
    for (const server of this.#servers) {
      server.close()
      server.closeAllConnections()
    }
    this.#parts.keeper.close()
    this.#parts.journal.close()
    this.#parts.state.close()
  }

  #startTimers(): void {
    const { journal, audit, keeper, reactivator } = this.#parts
    this.#timers.every(EXPIRE_EVERY_MS, () => {
      this.#expire()
      audit.retry()
    })
    this.#timers.every(LOOK_EVERY_MS, () => {
      if (journal.lost) journal.abandon()
      journal.heal(this.#counter)
      keeper.look()
      reactivator.tick()
    })
    this.#timers.every(HEAL_STATE_EVERY_MS, () => this.#healState())
    this.#timers.every(ADVANCE_EVERY_MS, () => keeper.advance())
    keeper.watch()
    reactivator.tick()
  }

  #healState(): void {
    const { state, audit, keeper } = this.#parts
    if (!state.heal()) return
    this.#log.info('The state database is written again.')
    audit.attach(state)
    // A license file that could not be taken because nothing could be written.
    void keeper.reload(this.#config).catch(error => this.#fault(error))
  }

  #expire(): void {
    const { ended, leaked: sessions } = this.#overdue.end(this.#counter, monotonicNow())
    if (this.#counter.hasChanges) this.#gateway.touch()
    this.#gateway.notifyEnded(ended)
    const told = 'Sessions were not resumed in time; they are free again.'
    if (sessions > 0) this.#warn('leaked', { sessions }, told)
  }

  #licenseChanged(before: Standing): void {
    const { audit, keeper } = this.#parts
    const { state, admits, message } = keeper.lifecycle
    this.#applyPolicy()
    const was = before.lifecycle
    if (was.state !== state || was.admits !== admits) audit.record(licenseStateEvent(was, keeper.lifecycle))
    if (was.state === state && was.admits === admits && was.message === message) return
    this.#gateway.notify('license.changed', { state, admits, message })
  }

  /** Brings the counter up to what license and configuration mean now. */
  #applyPolicy(): void {
    const { keeper } = this.#parts
    const limitBefore = this.#counter.limit
    this.#counter.setPolicy(sessionPolicyOf(keeper.license, keeper.lifecycle, this.#config))
    const { limit, inUse } = this.#counter
    if (limit !== limitBefore) this.#gateway.notify('limit.changed', { limit, inUse })
  }

  #status() {
    const { version, journal, state, keeper, reactivator } = this.#parts
    const facts = {
      version,
      instanceId: this.#instanceId,
      uptimeSeconds: Math.floor((monotonicNow() - this.#startedAt) / 1000),
      journalDegraded: journal.degraded,
      stateDegraded: state.degraded,
      connections: this.#gateway.connections,
      reactivation: reactivator.view,
      usage: this.#observation.usage.state(monotonicNow()),
    }
    return statusView(facts, this.#counter, keeper)
  }

  #fault(error: unknown): void {
    this.#rare.say('fault', () => this.#log.error({ error }, 'A fault of the daemon; it goes on.'))
  }

  #warn(key: string, fields: object, message: string): void {
    this.#rare.say(key, heldBack => this.#log.warn({ ...fields, heldBack }, message))
  }
}
