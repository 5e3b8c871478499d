import { checkConfigOf } from '../check-config.ts'
import type { ExitCode } from '../exit-codes.ts'
import { type ProgramSpec, runProgram } from '../program.ts'
import { processTerminal, type Terminal } from '../terminal.ts'
import { daemonConfig } from './daemon-config.ts'
import { demo } from './demo.ts'
import { run } from './run.ts'

const program: ProgramSpec = {
  name: 'sessiond',
  describe: 'The session licensing daemon: grants sessions to the call processes of this machine.',
  commands: [run, checkConfigOf(daemonConfig), demo],
  examples: [
    ['$0 run --config /etc/sessiond/sessiond.yaml', 'run the daemon'],
    ['$0 check-config --print', 'show the configuration in force'],
  ],
}

export function main(args: string[], terminal: Terminal = processTerminal()): Promise<ExitCode> {
  return runProgram(program, args, terminal)
}
