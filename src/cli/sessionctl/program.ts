import { runProgram } from '../program.ts'
import { activate } from './activate.ts'
import { fingerprint } from './fingerprint.ts'
import { hold } from './hold.ts'
import { license } from './license.ts'
import { status } from './status.ts'

export async function main(): Promise<void> {
  await runProgram({
    name: 'sessionctl',
    describe: "The operator's command line: shows and serves the daemon of this machine.",
    commands: [status, hold, license, fingerprint, activate],
    examples: [
      ['$0 status --watch', 'see how full it is'],
      ['$0 license check license.jws', 'before it is installed'],
    ],
  })
}
