import { configReader, withConfigFlags } from '../config-flags.ts'
import { defineCommand } from '../program.ts'
import { daemonConfig } from './daemon-config.ts'
import { serve } from './serve.ts'

export const run = defineCommand({
  command: 'run',
  describe: 'Run the daemon in the foreground',
  builder: (argv, isHelp) => withConfigFlags(argv, daemonConfig, isHelp),
  run: (args, terminal) => serve(configReader(args, terminal, daemonConfig)),
})
