import { configKeys } from '../../licensing-server/config/keys.ts'
import { loadConfig } from '../../licensing-server/config/load.ts'
import type { Config } from '../../licensing-server/config/schema.ts'
import type { ProgramConfig } from '../config-flags.ts'

export const serverConfig: ProgramConfig<Config> = {
  fileWithoutFlag: 'LICENSING_SERVER_CONFIG, else /etc/licensing-server/licensing-server.yaml',
  configKeys,
  loadConfig,
}
