import { checkConfigOf } from '../check-config.ts'
import type { ExitCode } from '../exit-codes.ts'
import { type ProgramSpec, runProgram } from '../program.ts'
import { processTerminal, type Terminal } from '../terminal.ts'
import { answer } from './answer.ts'
import { customer } from './customer.ts'
import { init } from './init.ts'
import { installation } from './installation.ts'
import { issue } from './issue.ts'
import { key } from './key.ts'
import { ledger } from './ledger.ts'
import { pool } from './pool.ts'
import { renewIssuing } from './renew-issuing.ts'
import { revocations } from './revocations.ts'
import { revoke } from './revoke.ts'
import { run } from './run.ts'
import { serverConfig } from './server-config.ts'
import { transfer } from './transfer.ts'

export const program: ProgramSpec = {
  name: 'licensing-server',
  describe: "The vendor's licensing server: owns the pools, claims for machines, and signs their licenses.",
  commands: [
    run,
    checkConfigOf(serverConfig),
    customer,
    pool,
    key,
    installation,
    transfer,
    answer,
    ledger,
    init,
    renewIssuing,
    revoke,
    revocations,
    issue,
  ],
  examples: [
    ['$0 init --dir authority --organization "Example Telephony"', 'once, at the vendor'],
    ['$0 pool open acme --sessions 100 --versions 5.0..5.x --expires 2027-12-31', 'what acme bought'],
    ['$0 installation list --standing clone-suspected', 'what waits for the representative'],
    [
      '$0 issue --dir authority --request request.jws --sessions 100 --customer "Example Telecom" --out license.jws',
      'for one machine',
    ],
  ],
}

export function main(args: string[], terminal: Terminal = processTerminal()): Promise<ExitCode> {
  return runProgram(program, args, terminal)
}
