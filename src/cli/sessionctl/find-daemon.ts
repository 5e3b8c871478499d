import { dirname, join } from 'node:path'
import type { Argv } from 'yargs'
import { defaultConfig } from '../../daemon/config/keys.ts'
import { DEFAULT_CONFIG_FILE, type LoadedConfig, loadConfig } from '../../daemon/config/load.ts'
import { Fault } from '../../errors.ts'
import { isThere } from '../../who-may.ts'
import type { Terminal } from '../terminal.ts'

/** Where `sessiond demo` keeps its configuration, below the folder in which it was started. */
export const DEMO_CONFIG_FILE = join('.demo', 'sessiond.yaml')

export interface DaemonArgs {
  socket: string | undefined
  config: string | undefined
}

/** `--socket PATH` and `--config FILE`, which every command that speaks to the daemon knows. */
export function withDaemonFlags(argv: Argv): Argv<DaemonArgs> {
  return argv
    .option('socket', {
      type: 'string',
      requiresArg: true,
      describe: "The daemon's Unix socket; else SESSIOND_SOCKET, else as the configuration says",
    })
    .option('config', {
      type: 'string',
      requiresArg: true,
      describe: "The daemon's configuration file; else SESSIOND_CONFIG, else /etc/sessiond/sessiond.yaml",
    })
}

/**
 * The daemon's configuration as this command finds it. Where nobody names one and there is none in /etc, a
 * demonstration in the working directory is taken, and said so.
 */
export function findConfig(args: DaemonArgs, terminal: Terminal): LoadedConfig {
  const { environment, workingDirectory } = terminal
  const named = args.config ?? environment['SESSIOND_CONFIG']
  const isNamed = named !== undefined && named !== ''
  const demo = terminal.resolve(DEMO_CONFIG_FILE)
  if (isNamed || isThere(DEFAULT_CONFIG_FILE) || !isThere(demo)) {
    return loadConfig({ file: args.config, environment, workingDirectory })
  }
  terminal.say(
    `Using the demonstration in ${dirname(DEMO_CONFIG_FILE)}, as there is no ${DEFAULT_CONFIG_FILE}.`,
  )
  return loadConfig({ file: demo, environment, workingDirectory })
}

/** The path of the socket: `--socket`, `--config`, `SESSIOND_SOCKET`, then the configuration that is found. */
export function findSocket(args: DaemonArgs, terminal: Terminal): string {
  const fromEnvironment = args.config === undefined ? terminal.environment['SESSIOND_SOCKET'] : undefined
  const named = args.socket ?? (fromEnvironment === '' ? undefined : fromEnvironment)
  if (named !== undefined) return terminal.resolve(named)
  try {
    return findConfig(args, terminal).config.listen.unix.path
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'config-invalid') throw error
    // A daemon that runs goes on with what it read before, so it can still be asked.
    const hint = `${error.hint}. A daemon that runs still answers: --socket ${defaultConfig().listen.unix.path}`
    throw new Fault(error.code, error.message, { hint, cause: error })
  }
}
