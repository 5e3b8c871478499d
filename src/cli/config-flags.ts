import type { Argv } from 'yargs'
import type { ConfigKey } from '../config/keys.ts'
import type { LoadedConfig, LoadOptions } from '../config/load.ts'
import type { Terminal } from './terminal.ts'

/** The configuration of one program, as its commands use it. */
export interface ProgramConfig<Config> {
  /** Which file is read where no flag names one. */
  readonly fileWithoutFlag: string
  configKeys(): ConfigKey[]
  loadConfig(options: LoadOptions): LoadedConfig<Config>
}

export interface ConfigArgs {
  config: string | undefined
}

/**
 * `--config FILE` and a flag for each key of the configuration, such as `--log.level`.
 *
 * @param isHelp whether somebody will see them
 */
export function withConfigFlags<Config>(
  argv: Argv,
  program: ProgramConfig<Config>,
  isHelp: boolean,
): Argv<ConfigArgs> {
  let result = argv.option('config', {
    type: 'string',
    requiresArg: true,
    describe: `Configuration file; else ${program.fileWithoutFlag}`,
  })
  for (const { name, schema } of program.configKeys()) {
    const describe = schema.description ?? ''
    // yargs lays out its help on each run, for nobody: of all settings that took a seventh of the start.
    const shown = isHelp ? { describe, group: 'Settings:' } : { hidden: true }
    result = result.option(name, { type: 'string', requiresArg: true, ...shown })
  }
  return result
}

/**
 * Reads the configuration each time that it is called. Flags and environment of a process stay what they are, so it is
 * judged anew only where the file says something else.
 */
export function configReader<Config>(
  args: ConfigArgs,
  terminal: Terminal,
  program: ProgramConfig<Config>,
): () => LoadedConfig<Config> {
  let loaded: LoadedConfig<Config> | undefined
  return () => {
    loaded = configOfArgs(args, terminal, program, loaded)
    return loaded
  }
}

/** The configuration as the flags, the environment and the file say it. `before`: see LoadOptions. */
export function configOfArgs<Config>(
  args: ConfigArgs,
  terminal: Terminal,
  program: ProgramConfig<Config>,
  before?: LoadedConfig<Config>,
): LoadedConfig<Config> {
  const given = args as unknown as Record<string, unknown>
  const flags: Record<string, string> = {}
  for (const { name } of program.configKeys()) {
    const value = given[name]
    // Of a flag that is repeated the last one counts.
    if (value !== undefined) flags[name] = String(Array.isArray(value) ? value.at(-1) : value)
  }
  return program.loadConfig({
    file: args.config,
    flags,
    environment: terminal.environment,
    workingDirectory: terminal.workingDirectory,
    before,
  })
}
