import type { Argv } from 'yargs'
import { configKeys } from '../../daemon/config/keys.ts'
import { type LoadedConfig, loadConfig } from '../../daemon/config/load.ts'
import type { Terminal } from '../terminal.ts'

export interface ConfigArgs {
  config: string | undefined
}

/** `--config FILE` and a flag for each key of the configuration, such as `--log.level`. */
export function withConfigFlags(argv: Argv): Argv<ConfigArgs> {
  let result = argv.option('config', {
    type: 'string',
    requiresArg: true,
    describe: 'Configuration file; else SESSIOND_CONFIG, else /etc/sessiond/sessiond.yaml',
  })
  for (const { name, schema } of configKeys()) {
    const describe = schema.description ?? ''
    result = result.option(name, { type: 'string', requiresArg: true, describe, group: 'Settings:' })
  }
  return result
}

/** The configuration as the flags, the environment and the file say it. */
export function configOfArgs(args: ConfigArgs, terminal: Terminal): LoadedConfig {
  const given = args as unknown as Record<string, unknown>
  const flags: Record<string, string> = {}
  for (const { name } of configKeys()) {
    const value = given[name]
    // Of a flag that is repeated the last one counts.
    if (value !== undefined) flags[name] = String(Array.isArray(value) ? value.at(-1) : value)
  }
  return loadConfig({
    file: args.config,
    flags,
    environment: terminal.environment,
    workingDirectory: terminal.workingDirectory,
  })
}
