import type { LoadedConfig } from '../config/load.ts'
import { messageOf } from '../errors.ts'
import { createLogger, type Logger, type LogLevel } from '../log.ts'
import { type InheritedSocket, takeInheritedSockets } from '../systemd/inherited-sockets.ts'
import { Notices } from '../systemd/notices.ts'
import { type NotifyRequest, takeNotifyRequest } from '../systemd/notify-request.ts'
import { type ExitCode, exitCode } from './exit-codes.ts'

/** A daemon or server that runs in this process. */
export interface Service<Config> {
  reload(config: Config): Promise<void>
  /** Told when a configuration was not taken, whether it could not be read or `reload` refused it. */
  reloadFailed?(why: unknown): void
  stop(reason: string): Promise<void>
  /** How it is, in one line, for whoever looks at the unit of systemd. */
  readonly statusLine?: string
}

interface Logging {
  log: { level: LogLevel }
}

/**
 * A signal that comes again within this time is the same one: `npm start` passes on what the terminal sends
 * to both. A later one means "at once".
 */
const SAME_SIGNAL_MS = 1000

/** Conventional exit codes of a process that ends by a signal: 128 and its number. */
const IMPATIENT_CODES = { SIGINT: 130, SIGTERM: 143 } as const
type StopSignal = keyof typeof IMPATIENT_CODES

/**
 * Runs a service until it is told to stop: SIGTERM and SIGINT drain and stop it, a second one ends the
 * process at once, SIGHUP reads its configuration and files again. systemd is told of each, where it asks.
 *
 * @param program its name, for whoever looks for the process
 * @param load reads the configuration anew, for SIGHUP
 * @param start resolves when clients may connect; it is given the sockets that systemd opened
 */
export async function runService<Config extends Logging>(
  program: string,
  load: () => LoadedConfig<Config>,
  start: (config: Config, log: Logger, sockets: readonly InheritedSocket[]) => Promise<Service<Config>>,
): Promise<ExitCode> {
  // Else ps, top and systemctl show the name of a thread of Node.js, and pidof does not find it.
  process.title = program
  const notifyRequest = takeNotifyRequest(process.env, process.pid)
  const sockets = takeInheritedSockets(process.env, process.pid)
  const { config, warnings, file } = load()
  const log = createLogger({ level: config.log.level })
  for (const warning of warnings) log.warn(warning)
  log.info({ file, pid: process.pid, node: process.version }, 'starting')
  const stop = stopSignal(log)
  const service = await start(config, log, sockets)
  const notices = noticesFor(notifyRequest, log)
  notices?.ready(() => service.statusLine ?? '')
  let reloading = Promise.resolve()
  process.on('SIGHUP', () => {
    reloading = reloading.then(async () => {
      notices?.reloading()
      await reload(load, log, service)
      notices?.reloaded()
    })
  })
  const signal = await stop
  notices?.stopping()
  await service.stop(signal)
  await notices?.close()
  return exitCode.ok
}

/** Null where systemd does not ask how the service is. */
function noticesFor(request: NotifyRequest | null, log: Logger): Notices | null {
  if (request === null) return null
  const onTrouble = (error: unknown) =>
    log.warn({ error }, `systemd cannot be told how this service is; it goes on. ${messageOf(error)}`)
  const onSpawning = () =>
    log.warn(
      { hint: 'Reinstall with optional dependencies, for a platform that node-unix-socket has a build for.' },
      'systemd is told of start, reload and stop alone, and does not watch for hangs: datagrams cannot be sent.',
    )
  return new Notices({ request, onTrouble, onSpawning })
}

/** Resolves with the first signal to stop; the second one ends the process. */
function stopSignal(log: Logger): Promise<StopSignal> {
  return new Promise(resolve => {
    let firstAt: number | undefined
    const onSignal = (signal: StopSignal) => {
      if (firstAt === undefined) {
        firstAt = performance.now()
        resolve(signal)
        return
      }
      if (performance.now() - firstAt < SAME_SIGNAL_MS) return
      log.warn({ signal }, 'ending at once, since the signal came again')
      process.exit(IMPATIENT_CODES[signal])
    }
    process.on('SIGINT', onSignal)
    process.on('SIGTERM', onSignal)
  })
}

/** A configuration that has become wrong is told, and the one in force stays. */
async function reload<Config>(
  load: () => LoadedConfig<Config>,
  log: Logger,
  service: Service<Config>,
): Promise<void> {
  try {
    const { config, warnings } = load()
    for (const warning of warnings) log.warn(warning)
    await service.reload(config)
  } catch (error) {
    log.error({ error }, `reload failed, everything stays as it was: ${messageOf(error)}`)
    service.reloadFailed?.(error)
  }
}
