import { keepLists } from '../../daemon/license/revocation-lists.ts'
import { readTrust, trustSourcesOf } from '../../daemon/license/trust.ts'
import { makeFolder } from '../../write-file.ts'
import { exitCode } from '../exit-codes.ts'
import { readOperatorFile } from '../files.ts'
import { defineCommand } from '../program.ts'
import { findConfig, withDaemonFlags } from './find-daemon.ts'

export const keepRevocations = defineCommand({
  command: 'revocations <file>',
  describe:
    'Keep a list of revoked issuing certificates that came by hand; reactivations bring it by themselves',
  builder: argv =>
    withDaemonFlags(argv)
      .positional('file', {
        type: 'string',
        demandOption: true,
        describe: 'The signed list, such as revoked.jws',
      })
      .option('json', { type: 'boolean', default: false, describe: 'Print JSON' }),
  async run(args, terminal) {
    const { config } = findConfig(args, terminal)
    const text = Buffer.from(readOperatorFile(terminal.resolve(args.file))).toString('utf8')
    const sources = trustSourcesOf(config)
    const { trustedRoots } = await readTrust(sources)
    makeFolder(config.stateDirectory, 0o700)
    const { changed, problems } = await keepLists(sources.keptListsDirectory, [text], trustedRoots)
    const [problem] = problems
    if (args.json) terminal.printJson({ kept: changed, problem: problem ?? null })
    if (problem !== undefined) {
      terminal.say(`Not kept: ${problem.message} (${problem.code})`)
      terminal.say(`hint: ${problem.hint}`)
      return exitCode.negative
    }
    terminal.say(
      changed
        ? 'Kept. sessiond judges its license by it at once.'
        : 'This list, or a newer one, was kept before.',
    )
    return exitCode.ok
  },
})
