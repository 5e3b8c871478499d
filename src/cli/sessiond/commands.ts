import { checkConfigOf } from '../check-config.ts'
import type { ProgramSpec } from '../program.ts'
import { daemonConfig } from './daemon-config.ts'
import { demo } from './demo.ts'
import { run } from './run.ts'

export const commands: ProgramSpec = {
  name: 'sessiond',
  describe: 'The session licensing daemon: grants sessions to the call processes of this machine.',
  commands: [run, checkConfigOf(daemonConfig), demo],
  examples: [
    ['$0 run --config /etc/sessiond/sessiond.yaml', 'run the daemon'],
    ['$0 check-config --print', 'show the configuration in force'],
  ],
}
