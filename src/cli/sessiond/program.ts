import { runProgram } from '../program.ts'
import { checkConfig } from './check-config.ts'

export async function main(): Promise<void> {
  await runProgram({
    name: 'sessiond',
    describe: 'The session licensing daemon: grants sessions to the call processes of this machine.',
    commands: [checkConfig],
    examples: [['$0 check-config --print', 'show the configuration in force']],
  })
}
