import { renewIssuing as renew } from '../../licensing-server/authority-files.ts'
import { exitCode } from '../exit-codes.ts'
import { defineCommand } from '../program.ts'
import { certificateJson, sayCertificate } from './certificate-view.ts'
import { directoryOption, jsonOption } from './options.ts'

export const renewIssuing = defineCommand({
  command: 'renew-issuing',
  describe: 'Make a new issuing certificate under the same root; licenses of the old one stay good',
  builder: argv => argv.option('dir', directoryOption).option('json', jsonOption),
  async run(args, terminal) {
    const issuer = await renew(terminal.resolve(args.dir), { now: Date.now() })
    if (args.json) terminal.printJson({ issuing: certificateJson(issuer.chain[0]) })
    else terminal.print(sayCertificate('Issuing certificate', issuer.chain[0]))
    terminal.say('Take the folder root offline again. Machines need nothing new: the root is the same.')
    return exitCode.ok
  },
})
