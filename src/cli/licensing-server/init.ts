import { join } from 'node:path'
import { authorityPaths, initAuthority } from '../../licensing-server/authority-files.ts'
import { exitCode } from '../exit-codes.ts'
import { defineCommand } from '../program.ts'
import { certificateJson, sayCertificate } from './certificate-view.ts'
import { directoryOption, jsonOption } from './options.ts'

export const init = defineCommand({
  command: 'init',
  describe: 'Make the root certificate and the issuing certificate of a new licensing authority',
  builder: argv =>
    argv
      .option('dir', directoryOption)
      .option('organization', {
        type: 'string',
        requiresArg: true,
        demandOption: true,
        describe: "The vendor's name, which stands in the certificates",
      })
      .option('json', jsonOption),
  async run(args, terminal) {
    const directory = terminal.resolve(args.dir)
    const issuer = await initAuthority(directory, { organization: args.organization, now: Date.now() })
    const trust = join(directory, 'trust')
    if (args.json) terminal.printJson({ directory, trust, issuing: certificateJson(issuer.chain[0]) })
    else terminal.print(sayCertificate('Issuing certificate', issuer.chain[0]))
    terminal.say(`The licensing authority is in ${directory}.`)
    terminal.say(
      `Take ${join(directory, 'root')} offline now: ${authorityPaths.rootKey} is needed again only to renew or revoke.`,
    )
    terminal.say(`Give every machine what is in ${trust}, as its license.trustDirectory.`)
    return exitCode.ok
  },
})
