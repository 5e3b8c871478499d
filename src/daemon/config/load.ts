import {
  type ConfigSpec,
  type LoadedConfig as Loaded,
  type LoadOptions,
  loadConfigOf,
} from '../../config/load.ts'
import { RULES } from './rules.ts'
import { type Config, ConfigSchema } from './schema.ts'

export type { LoadOptions }
export type LoadedConfig = Loaded<Config>

export const DEFAULT_CONFIG_FILE = '/etc/sessiond/sessiond.yaml'

const daemonConfig: ConfigSpec<typeof ConfigSchema> = {
  program: 'sessiond',
  schema: ConfigSchema,
  rules: RULES,
  environmentPrefix: 'SESSIOND',
  otherVariables: ['SESSIOND_SOCKET'],
  defaultFile: DEFAULT_CONFIG_FILE,
  sampleFile: 'config/sessiond.yaml',
}

/**
 * Reads the daemon's configuration: flags over environment over file over defaults. All problems of all sources
 * are reported in one fault.
 *
 * @throws {Fault} `config-not-found`, `config-not-readable`, `config-invalid`, `not-permitted`
 */
export function loadConfig(options: LoadOptions): LoadedConfig {
  return loadConfigOf(daemonConfig, options)
}
