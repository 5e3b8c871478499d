import { runProgram } from '../program.ts'
import { checkConfig } from './check-config.ts'
import { demo } from './demo.ts'
import { run } from './run.ts'

export async function main(): Promise<void> {
  await runProgram({
    name: 'sessiond',
    describe: 'The session licensing daemon: grants sessions to the call processes of this machine.',
    commands: [run, checkConfig, demo],
    examples: [
      ['$0 run --config /etc/sessiond/sessiond.yaml', 'run the daemon'],
      ['$0 check-config --print', 'show the configuration in force'],
    ],
  })
}
