import type { ExitCode } from '../exit-codes.ts'
import { type ProgramSpec, runProgram } from '../program.ts'
import { processTerminal, type Terminal } from '../terminal.ts'
import { activate } from './activate.ts'
import { audit } from './audit.ts'
import { doctor } from './doctor.ts'
import { fingerprint } from './fingerprint.ts'
import { hold } from './hold.ts'
import { license } from './license.ts'
import { reactivate } from './reactivate.ts'
import { sessions } from './sessions.ts'
import { status } from './status.ts'
import { top } from './top.ts'

export const program: ProgramSpec = {
  name: 'sessionctl',
  describe: "The operator's command line: shows and serves the daemon of this machine.",
  commands: [status, top, sessions, hold, license, fingerprint, activate, reactivate, doctor, audit],
  examples: [
    ['$0 activate --key-file installation.key --sessions 10', 'claim 10 sessions for this machine'],
    ['$0 status --watch', 'see how full it is'],
    ['$0 license check license.jws', 'before it is installed'],
  ],
}

export function main(args: string[], terminal: Terminal = processTerminal()): Promise<ExitCode> {
  return runProgram(program, args, terminal)
}
