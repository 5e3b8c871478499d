import { configKeys } from '../../daemon/config/keys.ts'
import { loadConfig } from '../../daemon/config/load.ts'
import type { Config } from '../../daemon/config/schema.ts'
import type { ProgramConfig } from '../config-flags.ts'

export const daemonConfig: ProgramConfig<Config> = {
  fileWithoutFlag: 'SESSIOND_CONFIG, else /etc/sessiond/sessiond.yaml',
  configKeys,
  loadConfig,
}
