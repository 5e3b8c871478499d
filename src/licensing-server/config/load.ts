import {
  type ConfigSpec,
  type LoadedConfig as Loaded,
  type LoadOptions,
  loadConfigOf,
} from '../../config/load.ts'
import { RULES } from './rules.ts'
import { type Config, ConfigSchema } from './schema.ts'

export type LoadedConfig = Loaded<Config>

export const DEFAULT_CONFIG_FILE = '/etc/licensing-server/licensing-server.yaml'

const serverConfig: ConfigSpec<typeof ConfigSchema> = {
  program: 'licensing-server',
  schema: ConfigSchema,
  rules: RULES,
  environmentPrefix: 'LICENSING_SERVER',
  otherVariables: [],
  defaultFile: DEFAULT_CONFIG_FILE,
  sampleFile: 'config/licensing-server.yaml',
}

/**
 * Reads the licensing server's configuration: flags over environment over file over defaults. All problems of
 * all sources are reported in one fault.
 *
 * @throws {Fault} `config-not-found`, `config-not-readable`, `config-invalid`, `not-permitted`
 */
export function loadConfig(options: LoadOptions): LoadedConfig {
  return loadConfigOf(serverConfig, options)
}
