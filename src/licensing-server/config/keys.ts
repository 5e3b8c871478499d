import { type ConfigKey, configKeysOf, defaultsOf, type SchemaNode } from '../../config/keys.ts'
import { type Config, ConfigSchema } from './schema.ts'

/** Every key of the licensing server's configuration in the order of its schema. */
export function configKeys(): ConfigKey[] {
  return configKeysOf(ConfigSchema as SchemaNode)
}

/** The configuration where nobody says anything. */
export function defaultConfig(): Config {
  return defaultsOf(ConfigSchema as SchemaNode) as Config
}
