import { defineCommand } from '../program.ts'
import { configOfArgs, withConfigFlags } from './config-flags.ts'
import { serve } from './serve.ts'

export const run = defineCommand({
  command: 'run',
  describe: 'Run the daemon in the foreground',
  builder: withConfigFlags,
  run: (args, terminal) => serve(() => configOfArgs(args, terminal)),
})
