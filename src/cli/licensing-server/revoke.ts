import { join } from 'node:path'
import { authorityPaths } from '../../licensing-server/authority-files.ts'
import { revokeCertificate } from '../../licensing-server/revocation-list.ts'
import { confirm, yesOption } from '../confirm.ts'
import { exitCode } from '../exit-codes.ts'
import { readOperatorFile } from '../files.ts'
import { defineCommand } from '../program.ts'
import { directoryOption, jsonOption } from './options.ts'

export const revoke = defineCommand({
  command: 'revoke <certificate>',
  describe: 'Put an issuing certificate on the revocation list: every license of its key stops being good',
  builder: argv =>
    argv
      .positional('certificate', {
        type: 'string',
        demandOption: true,
        describe: `The certificate, PEM; earlier ones are in ${authorityPaths.previous}`,
      })
      .option('dir', directoryOption)
      .option('reason', {
        type: 'string',
        requiresArg: true,
        demandOption: true,
        describe: 'Why, for people',
      })
      .option('yes', yesOption)
      .option('json', jsonOption),
  async run(args, terminal) {
    const directory = terminal.resolve(args.dir)
    const pem = Buffer.from(readOperatorFile(terminal.resolve(args.certificate))).toString('utf8')
    await confirm('Every license that this certificate signed stops being good.', args.yes)
    const { list } = await revokeCertificate(directory, pem, { reason: args.reason, now: Date.now() })
    const file = join(directory, authorityPaths.revocationList)
    if (args.json) terminal.printJson({ file, list })
    else terminal.print(`Revocation list ${list.number}: ${list.revoked.length} revoked`)
    terminal.say(
      'Machines receive it with their next reactivation after: licensing-server revocations publish',
    )
    terminal.say(`Those without a network: sessionctl license revocations FILE, with ${file}`)
    terminal.say('Take the folder root offline again.')
    return exitCode.ok
  },
})
