import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { performance } from 'node:perf_hooks'
import { createSecureContext, Server as TlsServer } from 'node:tls'
import type { FastifyInstance } from 'fastify'
import { isLoopback } from '../config/loopback.ts'
import { Fault, messageOf } from '../errors.ts'
import type { TlsMaterial } from '../http-listener.ts'
import type { Logger } from '../log.ts'
import { RareLog } from '../rare-log.ts'
import { blockListOf } from './config/rules.ts'
import type { Config, TlsFiles } from './config/schema.ts'
import { createApp } from './http/app.ts'
import { Limits } from './http/limits.ts'
import { Metrics } from './http/metrics.ts'
import { createOperations } from './http/operations.ts'
import { IssuerKeeper, readAuthorityRoots } from './issuer-keeper.ts'
import { createLicensingService } from './licensing.ts'
import { publishRevocations } from './publish-revocations.ts'
import { ReadinessWatch, statusLine } from './status-line.ts'
import { openLedger } from './store/open.ts'
import type { LedgerStore } from './store/store.ts'
import type { IssuerSource } from './unrevoked-issuer.ts'

const logSameEveryMs = 10_000

export interface ServerOptions {
  version: string
  /** Milliseconds since the epoch; left out: the clock of this machine. */
  now?: () => number
  /** True for the embedded demonstration, whose licenses say so. */
  demonstration?: boolean
}

export interface RunningLicensingServer {
  /** Where it listens; `operations` is null where that is switched off. */
  readonly addresses: { readonly http: AddressInfo; readonly operations: AddressInfo | null }
  /** Such as `https://127.0.0.1:7790`, for whoever runs on this machine. */
  readonly url: string
  /** How it is, in one line, for whoever looks at the unit of systemd. */
  readonly statusLine: string
  /** Takes a changed log level, and reads the certificates of TLS and of the issuer, and the revocation list, again. */
  reload(config: Config): Promise<void>
  /** Says no to `/readyz`, waits until nobody sends any more, lets what runs end, closes the ledger. */
  stop(reason: string): Promise<void>
}

/**
 * Composes ledger, issuer, service and HTTP, and starts them. Resolves when it listens. Faults: what stops a
 * start is an authority, ledger, certificate or address that cannot be used.
 */
export async function startLicensingServer(
  config: Config,
  log: Logger,
  options: ServerOptions,
): Promise<RunningLicensingServer> {
  const { now = Date.now, version } = options
  const keeper = new IssuerKeeper(config.authority.directory, log, now)
  const trustedRoots = readAuthorityRoots(config.authority.directory)
  const tls = readTls(config.listen.tls)
  const { location, connections, timeoutMs } = config.ledger
  const onProblem = (problem: Fault) => log.warn({ error: problem }, 'a connection to the ledger broke')
  const store = await openLedger(location, { connections, timeoutMs, now, onProblem })
  const publish = async () => {
    const list = await publishRevocations(store, config.authority.directory, trustedRoots, now)
    if (list?.isNew === true) log.info({ list }, 'a revocation list is given to machines from now on')
  }
  const server = new LicensingServer({ config, log, keeper, store, publish })
  try {
    await publish()
    const { demonstration = false } = options
    const issuer: IssuerSource = look => keeper.current(look)
    const service = createLicensingService({ store, issuer, now, demonstration })
    const metrics = new Metrics(version)
    const isStopping = () => server.isStopping
    const app = await createApp({
      config,
      service,
      limits: new Limits(config.limits, monotonicNow),
      metrics,
      isStopping,
      page: config.page.enabled ? { vendor: config.page.vendor, trustedRoots } : null,
      tls,
      onlyProxies: onlyProxiesOf(config.listen),
      log,
      rare: new RareLog(logSameEveryMs, monotonicNow),
    })
    const { enabled, host } = config.operations
    const operations = enabled
      ? await createOperations({ bounds: config.bounds, host, service, metrics, isStopping })
      : null
    await server.listen(app, operations, { readiness: new ReadinessWatch(service), metrics })
  } catch (error) {
    await server.stop('the start failed')
    throw error
  }
  return server
}

interface Parts {
  config: Config
  log: Logger
  keeper: IssuerKeeper
  store: LedgerStore
  /** Publishes the revocation list of the authority, where it is new. */
  publish(): Promise<void>
}

/** What the status tells of. */
interface Observed {
  readiness: ReadinessWatch
  metrics: Metrics
}

class LicensingServer implements RunningLicensingServer {
  readonly #parts: Parts
  #app: FastifyInstance | null = null
  #operations: FastifyInstance | null = null
  #observed: Observed | null = null
  #stopping: Promise<void> | null = null

  constructor(parts: Parts) {
    this.#parts = parts
  }

  get isStopping(): boolean {
    return this.#stopping !== null
  }

  get addresses(): { http: AddressInfo; operations: AddressInfo | null } {
    const operations = this.#operations?.server.address() ?? null
    return {
      http: this.#app?.server.address() as AddressInfo,
      operations: operations as AddressInfo | null,
    }
  }

  get url(): string {
    const { address, port, family } = this.addresses.http
    const everywhere = address === '::' || address === '0.0.0.0'
    const host = everywhere ? 'localhost' : family === 'IPv6' ? `[${address}]` : address
    return `${this.#parts.config.listen.tls === null ? 'http' : 'https'}://${host}:${port}`
  }

  get statusLine(): string {
    const { readiness, metrics } = this.#observed ?? {}
    return statusLine(readiness?.last ?? null, this.url, metrics?.licensesGiven ?? 0)
  }

  async listen(app: FastifyInstance, operations: FastifyInstance | null, observed: Observed): Promise<void> {
    const { config, log } = this.#parts
    this.#app = app
    this.#operations = operations
    this.#observed = observed
    await observed.readiness.look()
    await listenOn(app, 'listen', config.listen)
    if (operations !== null) await listenOn(operations, 'operations', config.operations)
    log.info({ url: this.url, ...this.addresses }, 'licensing-server listens')
  }

  async reload(config: Config): Promise<void> {
    const { log, keeper, publish, config: before } = this.#parts
    const restart = changedBeyondReload(before, config)
    if (restart.length > 0) log.warn({ keys: restart }, 'these settings need a restart of the server')
    // What may fail comes first, so that nothing is half reloaded.
    const tls = readTls(before.listen.tls)
    if (tls !== null && this.#app?.server instanceof TlsServer) this.#app.server.setSecureContext(tls)
    await publish()
    keeper.reload()
    log.level = config.log.level
    log.info('the configuration was reloaded')
  }

  stop(reason: string): Promise<void> {
    this.#stopping ??= this.#stop(reason)
    return this.#stopping
  }

  async #stop(reason: string): Promise<void> {
    const { config, log, store } = this.#parts
    const app = this.#app
    this.#observed?.readiness.close()
    if (app !== null) {
      log.info({ reason }, 'licensing-server stops')
      await new Promise(resolve => setTimeout(resolve, config.shutdown.drainMs))
      const cutOff = setTimeout(() => app.server.closeAllConnections(), config.shutdown.closeMs)
      await app.close()
      clearTimeout(cutOff)
      await this.#operations?.close()
    }
    await store.close()
    if (app !== null) log.info('licensing-server stopped')
  }
}

function monotonicNow(): number {
  return performance.now()
}

/** Without TLS of its own, a server that others can reach serves its proxies and this machine alone. */
function onlyProxiesOf({ host, tls, trustedProxies }: Config['listen']) {
  return tls !== null || isLoopback(host) ? null : blockListOf(trustedProxies)
}

function readTls(files: TlsFiles | null): TlsMaterial | null {
  if (files === null) return null
  try {
    const material = { cert: readFileSync(files.certFile), key: readFileSync(files.keyFile) }
    // Says what is wrong with them before anything relies on them.
    createSecureContext(material)
    return material
  } catch (error) {
    throw new Fault('tls-not-usable', `The TLS certificate cannot be used: ${messageOf(error)}`, {
      hint: 'Look at listen.tls in the configuration, and at owner and mode of both files.',
      cause: error,
    })
  }
}

async function listenOn(
  app: FastifyInstance,
  section: 'listen' | 'operations',
  { host, port }: { host: string; port: number },
): Promise<void> {
  try {
    await app.listen({ host, port })
  } catch (error) {
    const inUse = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
    throw new Fault(
      inUse ? 'address-in-use' : 'address-not-usable',
      `Cannot listen on ${host}:${port}: ${messageOf(error)}`,
      {
        hint: `Look at ${section}.host and ${section}.port, and at what listens there already.`,
        cause: error,
      },
    )
  }
}

function changedBeyondReload(before: Config, after: Config): string[] {
  const keys = Object.keys(before) as (keyof Config)[]
  return keys.filter(key => key !== 'log' && JSON.stringify(before[key]) !== JSON.stringify(after[key]))
}
