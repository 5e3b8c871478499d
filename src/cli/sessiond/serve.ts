import type { LoadedConfig } from '../../daemon/config/load.ts'
import { createLogger, type Logger } from '../../daemon/log.ts'
import { messageOf } from '../../errors.ts'
import { type ExitCode, exitCode } from '../exit-codes.ts'
import { programVersion } from '../program.ts'

/**
 * A signal that comes again within this time is the same one: `npm start` passes on what the terminal sends
 * to both. A later one means "at once".
 */
const SAME_SIGNAL_MS = 300

/** Conventional exit codes of a process that ends by a signal: 128 and its number. */
const IMPATIENT_CODES = { SIGINT: 130, SIGTERM: 143 } as const
type StopSignal = keyof typeof IMPATIENT_CODES

/**
 * Runs the daemon until it is told to stop: SIGTERM and SIGINT drain and stop it, a second one ends the
 * process at once, SIGHUP reads configuration and license again.
 *
 * @param load reads the configuration anew, for SIGHUP
 * @param onListening is called when clients may connect
 */
export async function serve(load: () => LoadedConfig, onListening: () => void = () => {}): Promise<ExitCode> {
  const { config, warnings, file } = load()
  const log = createLogger({ level: config.log.level })
  for (const warning of warnings) log.warn(warning)
  log.info({ file, pid: process.pid, node: process.version }, 'starting')
  const stop = stopSignal(log)
  // Loaded late, so that a wrong configuration is told without loading SQLite.
  const { startDaemon } = await import('../../daemon/daemon.ts')
  const daemon = await startDaemon(config, log, programVersion())
  let reloading = Promise.resolve()
  process.on('SIGHUP', () => {
    reloading = reloading.then(() => reload(load, log, next => daemon.reload(next)))
  })
  onListening()
  const signal = await stop
  await daemon.stop(signal)
  return exitCode.ok
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
async function reload(
  load: () => LoadedConfig,
  log: Logger,
  apply: (next: LoadedConfig['config']) => Promise<void>,
): Promise<void> {
  try {
    const { config, warnings } = load()
    for (const warning of warnings) log.warn(warning)
    await apply(config)
  } catch (error) {
    log.error({ error }, `reload failed, everything stays as it was: ${messageOf(error)}`)
  }
}
