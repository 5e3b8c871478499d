import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Fault, messageOf } from '../errors.ts'
import type { ChainTrust } from '../license/chain.ts'
import { fingerprintIfAny } from '../license/fingerprint.ts'
import type { Lifecycle } from '../license/lifecycle.ts'
import { SessionCounter } from '../session/counter.ts'
import { signToken } from '../session/signed-token.ts'
import { monotonicNow, readBootId } from './clocks.ts'
import { isLoopback } from './config/rules.ts'
import type { Config } from './config/schema.ts'
import type { GrantReply } from './gateway/connection.ts'
import { Gateway } from './gateway/gateway.ts'
import { Journal } from './journal/journal.ts'
import { watchFile } from './license/file-watch.ts'
import { LicenseStore, type Reload } from './license/license-store.ts'
import { LicenseTimekeeper } from './license/license-time.ts'
import { readTrust } from './license/trust.ts'
import { listenTcp, listenUnix } from './listen.ts'
import type { Logger } from './log.ts'
import { readMachineFacts } from './machine/facts.ts'
import { loadOrCreateMachineKey } from './machine/machine-key.ts'
import { createNonces } from './nonces.ts'
import { processLives } from './process-watch.ts'
import { RareLog } from './rare-log.ts'
import { sessionPolicyOf } from './session-policy.ts'
import { StateStore } from './state-store.ts'
import { openTokenSigners } from './token-keys.ts'
import { licenseView, statusView } from './views.ts'

const EXPIRE_EVERY_MS = 250
const LOOK_EVERY_MS = 1000
const ADVANCE_EVERY_MS = 60_000
const LOG_SAME_EVERY_MS = 10_000

/** Dead processes looked for in one go: each look is a read of /proc. */
const MAX_PROCESSES_LOOKED_AT = 200

/** How long clients may take to answer the close frame at the stop. */
const CLOSE_GRACE_MS = 1000

export interface RunningDaemon {
  /** Where it listens. */
  readonly addresses: { readonly unix: string; readonly tcp: AddressInfo | null }
  /** Takes a changed configuration, looks at trust and license anew. No session or connection is touched. */
  reload(config: Config): Promise<void>
  /** Grants nothing more, says so, closes all connections. Sessions stay in the journal for the next start. */
  stop(reason: string): Promise<void>
}

/**
 * Composes the daemon and starts it. Resolves when it listens. Faults: what stops a start is a configuration,
 * state or socket that cannot be used, or a daemon that runs already; never the license.
 */
export async function startDaemon(config: Config, log: Logger, version: string): Promise<RunningDaemon> {
  const daemon = await Daemon.open(config, log, version)
  try {
    await daemon.listen()
  } catch (error) {
    daemon.dispose()
    throw error
  }
  return daemon
}

class Daemon implements RunningDaemon {
  readonly addresses: { unix: string; tcp: AddressInfo | null }
  readonly #log: Logger
  readonly #rare = new RareLog(LOG_SAME_EVERY_MS, monotonicNow)
  readonly #startedAt = monotonicNow()
  readonly #instanceId = randomBytes(8).toString('hex')
  readonly #state: StateStore
  readonly #journal: Journal
  readonly #timekeeper: LicenseTimekeeper
  readonly #licenses: LicenseStore
  readonly #counter: SessionCounter
  readonly #gateway: Gateway
  readonly #servers: Server[] = []
  readonly #stopWatching: (() => void)[] = []
  #config: Config
  #lifecycle: Lifecycle
  #accessToken: string | null = null
  #stopping: Promise<void> | null = null

  static async open(config: Config, log: Logger, version: string): Promise<Daemon> {
    mkdirSync(config.stateDirectory, { recursive: true, mode: 0o700 })
    mkdirSync(config.runtimeDirectory, { recursive: true, mode: 0o750 })
    const bootId = readBootId()
    const journal = openJournal(config, bootId, log)
    try {
      const state = new StateStore(join(config.stateDirectory, 'state.db'), Date.now(), (movedTo, why) =>
        log.error({ movedTo, why }, 'The state database was damaged and was set aside; a new one is begun.'),
      )
      const timekeeper = new LicenseTimekeeper(state, { wallNow: Date.now, monotonicNow })
      const licenses = await openLicenses(config, state, timekeeper, log)
      return new Daemon({ config, log, version, bootId, journal, state, timekeeper, licenses })
    } catch (error) {
      journal.close()
      throw error
    }
  }

  private constructor(parts: {
    config: Config
    log: Logger
    version: string
    bootId: string
    journal: Journal
    state: StateStore
    timekeeper: LicenseTimekeeper
    licenses: LicenseStore
  }) {
    const { config, log, version, bootId, journal, state, licenses } = parts
    this.#config = config
    this.#log = log
    this.#journal = journal
    this.#state = state
    this.#timekeeper = parts.timekeeper
    this.#licenses = licenses
    this.#lifecycle = licenses.lifecycle()
    this.addresses = { unix: config.listen.unix.path, tcp: null }
    const instanceId = this.#instanceId
    const signers = openTokenSigners(state, { instanceId, bootId })
    this.#counter = new SessionCounter({
      policy: this.#policy(),
      nonces: createNonces(),
      previousSigner: signers.previous,
    })
    this.#restore()
    this.#gateway = new Gateway({
      counter: this.#counter,
      policy: () => this.#policy(),
      bounds: () => this.#config.bounds,
      accessToken: () => this.#accessToken,
      version,
      instanceId,
      status: () => this.#status(version),
      license: () => this.#licenseView(),
      processLives,
      now: monotonicNow,
      commit: () => journal.commit(this.#counter),
      seal: grant => (journal.degraded ? sealed(grant, signers.current) : grant.token),
      events: {
        handshakeRefused: code => this.#warn(`refused ${code}`, { code }, 'A connection was refused.'),
        connectionClosed: (cause, label) =>
          this.#warn(`closed ${cause}`, { cause, client: label }, 'A connection was closed.'),
        fault: error =>
          log.error({ error }, 'A request met a fault of the daemon; its connection is closed.'),
      },
    })
    log.info({ version, instanceId, ...this.#licenseFields() }, `sessiond starts. ${this.#lifecycle.message}`)
  }

  async listen(): Promise<void> {
    const { unix, tcp, allowedOrigins } = this.#config.listen
    if (tcp.enabled) {
      this.#accessToken = readAccessToken(tcp.tokenFile)
      const local = isLoopback(tcp.host)
      const tls =
        tcp.tls === null ? null : { cert: readFileSync(tcp.tls.certFile), key: readFileSync(tcp.tls.keyFile) }
      const door = () => ({ accessToken: this.#accessToken, hostMustBeLoopback: local, allowedOrigins })
      const server = this.#gateway.createServer({ door, tls, local })
      this.#servers.push(server)
      await listenTcp(server, tcp.host, tcp.port)
      this.addresses.tcp = server.address() as AddressInfo
    }
    const door = () => ({ accessToken: null, hostMustBeLoopback: false, allowedOrigins })
    const server = this.#gateway.createServer({ door, tls: null, local: true })
    this.#servers.push(server)
    await listenUnix(server, unix)
    this.#watch()
    this.#log.info({ ...this.addresses }, 'sessiond listens.')
  }

  async reload(config: Config): Promise<void> {
    const restart = changedBeyondReload(this.#config, config)
    if (restart.length > 0)
      this.#log.warn({ keys: restart }, 'These settings changed and need a restart of the daemon.')
    const { listen, stateDirectory, runtimeDirectory } = this.#config
    this.#config = { ...config, listen, stateDirectory, runtimeDirectory }
    this.#log.level = config.log.level
    try {
      if (listen.tcp.enabled) this.#accessToken = readAccessToken(listen.tcp.tokenFile)
      this.#heed(await this.#licenses.renewTrust(await readTrust(config.license)))
    } catch (error) {
      // What was read before stays in force.
      this.#log.error({ error }, `Not all could be reloaded: ${messageOf(error)}`)
    }
    this.#applyLicense(true)
    this.#log.info('The configuration was reloaded.')
  }

  stop(reason: string): Promise<void> {
    this.#stopping ??= this.#stop(reason)
    return this.#stopping
  }

  async #stop(reason: string): Promise<void> {
    const { drainMs } = this.#config.shutdown
    this.#log.info(
      { reason, inUse: this.#counter.inUse },
      'sessiond stops. Sessions stay in the journal for the next start.',
    )
    this.#counter.drain()
    this.#gateway.notify('draining', { closesInMs: drainMs })
    await new Promise(resolve => setTimeout(resolve, drainMs))
    for (const server of this.#servers) server.close()
    await this.#gateway.closeAll(1001, 'going away', CLOSE_GRACE_MS)
    this.#journal.commit(this.#counter)
    this.#timekeeper.advance()
    this.dispose()
    this.#log.info('sessiond stopped.')
  }

  /** Frees what is open. After `stop`, or where the start failed. */
  dispose(): void {
    for (const stop of this.#stopWatching) stop()
    for (const server of this.#servers) {
      server.close()
      server.closeAllConnections()
    }
    this.#journal.close()
    this.#state.close()
  }

  // ---- time and files

  #watch(): void {
    const every = (ms: number, act: () => void) => {
      const timer = setInterval(act, ms)
      this.#stopWatching.push(() => clearInterval(timer))
    }
    every(EXPIRE_EVERY_MS, () => this.#expire())
    every(LOOK_EVERY_MS, () => {
      if (this.#journal.lost) this.#journal.abandon()
      this.#journal.heal(this.#counter)
      this.#applyLicense(false)
    })
    every(ADVANCE_EVERY_MS, () => this.#timekeeper.advance())
    this.#stopWatching.push(
      watchFile(this.#config.license.file, async () => {
        this.#heed(await this.#licenses.reload())
        this.#applyLicense(false)
      }),
    )
  }

  #expire(): void {
    const leakedBefore = this.#counter.totals.ended['orphan-timeout']
    const ended = this.#counter.expire(monotonicNow())
    for (const process of this.#counter.orphanedProcesses().slice(0, MAX_PROCESSES_LOOKED_AT)) {
      if (!processLives(process)) this.#counter.releaseDead(process)
    }
    if (this.#counter.hasChanges) this.#gateway.touch()
    this.#gateway.notifyEnded(ended)
    const leaked = this.#counter.totals.ended['orphan-timeout'] - leakedBefore
    if (leaked > 0)
      this.#warn(
        'leaked',
        { sessions: leaked },
        'Sessions whose connection was lost were not resumed in time, and are free again.',
      )
  }

  // ---- license

  #policy() {
    return sessionPolicyOf(this.#licenses.license, this.#lifecycle, this.#config)
  }

  /** Reports what came of looking at the license file. */
  #heed(reload: Reload): void {
    if (reload.outcome === 'unchanged') return
    if (reload.outcome === 'rejected') {
      const { code, message, hint } = reload.rejection
      this.#log.error(
        { code, hint },
        `The license file was not taken; what was in force stays so. ${message}`,
      )
      return
    }
    witness(this.#timekeeper, reload)
    this.#lifecycle = this.#licenses.lifecycle()
    this.#log.info(this.#licenseFields(), 'A new license is in force.')
  }

  /** Brings the counter up to what license and time mean now, and tells whom it concerns. */
  #applyLicense(configChanged: boolean): void {
    const before = this.#lifecycle
    const after = this.#licenses.lifecycle()
    const limitBefore = this.#counter.limit
    this.#lifecycle = after
    const policy = this.#policy()
    if (
      configChanged ||
      policy.limit !== limitBefore ||
      before.state !== after.state ||
      before.admits !== after.admits ||
      before.message !== after.message
    ) {
      this.#counter.setPolicy(policy)
    }
    if (policy.limit !== limitBefore) {
      this.#gateway.notify('limit.changed', { limit: policy.limit, inUse: this.#counter.inUse })
    }
    if (before.state === after.state && before.admits === after.admits && before.message === after.message)
      return
    const { state, admits, message } = after
    this.#gateway.notify('license.changed', { state, admits, message })
    if (before.state === state && before.admits === admits) return
    const level = admits && (state === 'active' || state === 'expiring') ? 'info' : 'warn'
    this.#log[level](
      { from: before.state, ...this.#licenseFields(), hint: after.hint },
      `The state of the license changed. ${message}`,
    )
  }

  // ---- views

  #status(version: string) {
    const facts = {
      version,
      instanceId: this.#instanceId,
      uptimeSeconds: Math.floor((monotonicNow() - this.#startedAt) / 1000),
      journalDegraded: this.#journal.degraded,
      connections: this.#gateway.connections,
    }
    return statusView(facts, this.#counter, this.#licenses.license, this.#lifecycle)
  }

  #licenseView() {
    return licenseView(this.#licenses.license, this.#lifecycle, this.#counter.limit, this.#licenses.rejection)
  }

  #licenseFields() {
    const { license } = this.#licenses
    return {
      license: this.#lifecycle.state,
      licenseId: license?.licenseId ?? null,
      generation: license?.generation ?? null,
      limit: license?.maxSessions ?? 0,
    }
  }

  #restore(): void {
    const { clients, sessions } = this.#journal.content
    this.#counter.restore(clients, sessions, monotonicNow())
    this.#journal.contentTaken()
    this.#journal.commit(this.#counter)
    const { inUse } = this.#counter
    if (inUse > 0)
      this.#log.info({ sessions: inUse }, 'Sessions of the last run are counted, and wait to be resumed.')
  }

  #warn(key: string, fields: object, message: string): void {
    this.#rare.say(key, heldBack => this.#log.warn({ ...fields, heldBack }, message))
  }
}

function openJournal(config: Config, bootId: string, log: Logger): Journal {
  return new Journal({
    path: join(config.runtimeDirectory, 'journal.db'),
    bootId,
    wallNow: Date.now,
    events: {
      setAside: (path, movedTo, why) =>
        log.error(
          { path, movedTo, why },
          'The journal could not be used and was set aside; what could be read of it is kept.',
        ),
      degraded: why =>
        log.error(
          { why, hint: 'Look at space and mode of runtimeDirectory; it heals by itself.' },
          'The journal cannot be written: sessions are counted in memory only.',
        ),
      healed: () => log.info('The journal is written again.'),
    },
  })
}

async function openLicenses(
  config: Config,
  state: StateStore,
  timekeeper: LicenseTimekeeper,
  log: Logger,
): Promise<LicenseStore> {
  const key = await loadOrCreateMachineKey(join(config.stateDirectory, 'machine'))
  const { facts, unreadable } = readMachineFacts({
    credentialsDirectory: process.env['CREDENTIALS_DIRECTORY'] ?? null,
  })
  if (unreadable.length > 0) log.warn({ unreadable }, 'Some facts of this machine could not be read.')
  const licenses = new LicenseStore(
    {
      file: config.license.file,
      version: config.product.version,
      machine: { fingerprint: fingerprintIfAny(facts), jkt: key.jkt },
      archive: state,
      now: () => timekeeper.now(),
      lastReactivationAt: () => null,
    },
    await trustOrNone(config, log),
  )
  const reload = await licenses.open()
  if (reload.outcome === 'accepted') witness(timekeeper, reload)
  if (reload.outcome === 'rejected') {
    const { code, message, hint } = reload.rejection
    log.error({ code, hint }, `The license file was not taken. ${message}`)
  }
  return licenses
}

/** Without roots no license can be believed; the daemon runs all the same, and says what is missing. */
async function trustOrNone(config: Config, log: Logger): Promise<ChainTrust> {
  try {
    return await readTrust(config.license)
  } catch (error) {
    const hint = error instanceof Fault ? error.hint : undefined
    log.error({ error, hint }, `No license can be believed: ${messageOf(error)}`)
    return { trustedRoots: [], revoked: new Set() }
  }
}

function witness(
  timekeeper: LicenseTimekeeper,
  { license, previous }: Extract<Reload, { outcome: 'accepted' }>,
): void {
  timekeeper.witness(
    Date.parse(license.issuedAt),
    previous === null || license.generation > previous.generation,
  )
}

function sealed(grant: GrantReply, signer: Parameters<typeof signToken>[2]): string {
  const { token, application, key } = grant
  return signToken(token, { application, key, grantedAt: monotonicNow() }, signer)
}

function readAccessToken(file: string): string {
  let text: string
  try {
    text = readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw tokenFault(file, `cannot be read (${messageOf(error)})`, error)
  }
  if (/^[\x21-\x7e]{16,512}$/.test(text)) return text
  throw tokenFault(file, 'must hold 16 to 512 printable characters without spaces')
}

function tokenFault(file: string, why: string, cause?: unknown): Fault {
  return new Fault('token-file-invalid', `The access token of the TCP listener, ${file}, ${why}.`, {
    hint: `Make one: (umask 027; openssl rand -hex 32 > ${file})`,
    cause,
  })
}

function changedBeyondReload(before: Config, after: Config): string[] {
  const keys = ['listen', 'stateDirectory', 'runtimeDirectory'] as const
  return keys.filter(key => JSON.stringify(before[key]) !== JSON.stringify(after[key]))
}
