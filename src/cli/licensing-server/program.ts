import { checkConfigOf } from '../check-config.ts'
import type { ExitCode } from '../exit-codes.ts'
import { type ProgramSpec, runProgram } from '../program.ts'
import type { Terminal } from '../terminal.ts'
import { init } from './init.ts'
import { issue } from './issue.ts'
import { renewIssuing } from './renew-issuing.ts'
import { revoke } from './revoke.ts'
import { run } from './run.ts'
import { serverConfig } from './server-config.ts'

const program: ProgramSpec = {
  name: 'licensing-server',
  describe: "The vendor's licensing server: makes its certificates and signs licenses.",
  commands: [run, checkConfigOf(serverConfig), init, issue, renewIssuing, revoke],
  examples: [
    ['$0 init --dir authority --organization "Example Telephony"', 'once, at the vendor'],
    [
      '$0 issue --dir authority --request request.jws --sessions 100 --customer "Example Telecom" --out license.jws',
      'for one machine',
    ],
  ],
}

export function main(args: string[], terminal: Terminal): Promise<ExitCode> {
  return runProgram(program, args, terminal)
}
