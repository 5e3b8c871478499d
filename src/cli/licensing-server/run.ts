import { availableParallelism } from 'node:os'
import { configReader, withConfigFlags } from '../config-flags.ts'
import { defineCommand } from '../program.ts'
import { runService } from '../service.ts'
import { programVersion } from '../version.ts'
import { serverConfig } from './server-config.ts'

export const run = defineCommand({
  command: 'run',
  describe:
    'Run the licensing server in the foreground: the API for machines, and the manual-activation page',
  builder: (argv, isHelp) => withConfigFlags(argv, serverConfig, isHelp),
  run(args, terminal) {
    // Threads that sign: one for each core, where libuv has four. It reads this when the first of them is needed.
    process.env['UV_THREADPOOL_SIZE'] ??= String(availableParallelism())
    const load = configReader(args, terminal, serverConfig)
    return runService('licensing-server', load, async (config, log) => {
      // Loaded late, so that a wrong configuration is told without loading databases and HTTP.
      const { startLicensingServer } = await import('../../licensing-server/server.ts')
      return startLicensingServer(config, log, { version: programVersion() })
    })
  },
})
