import { type ConfigKey, configKeysOf, defaultsOf, type SchemaNode, valueAt } from '../../config/keys.ts'
import { type Config, ConfigSchema } from './schema.ts'

export { type ConfigKey, valueAt }

/** Every key of the daemon's configuration in the order of its schema. */
export function configKeys(): ConfigKey[] {
  return configKeysOf(ConfigSchema as SchemaNode)
}

/** The configuration where nobody says anything. */
export function defaultConfig(): Config {
  return defaultsOf(ConfigSchema as SchemaNode) as Config
}
