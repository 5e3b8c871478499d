import { readIssuer } from '../../licensing-server/authority-files.ts'
import { count } from '../../licensing-server/ledger/refusals.ts'
import type { Answer } from '../../licensing-server/service.ts'
import { exitCode } from '../exit-codes.ts'
import { readOperatorFile, writeFileAtomically } from '../files.ts'
import { sessionsOf } from '../sessionctl/sessions-option.ts'
import { ledgerCommand, tell } from './ledger-command.ts'

export const answer = ledgerCommand({
  command: 'answer <request>',
  describe: 'Answer the request file of a machine from the ledger, by the same rules as the page',
  builder: argv =>
    argv
      .positional('request', { type: 'string', demandOption: true, describe: "The machine's request file" })
      .option('key-file', {
        type: 'string',
        requiresArg: true,
        describe: 'File with the installation key; a machine that is activated needs none',
      })
      .option('sessions', {
        type: 'number',
        requiresArg: true,
        describe: 'Sessions to own in all, where the request does not say it',
      })
      .option('out', { type: 'string', requiresArg: true, describe: 'Where to write the license' }),
  async run(desk, args) {
    const { terminal, config, store } = desk
    const { createLicensingService } = await import('../../licensing-server/licensing.ts')
    const issuer = readIssuer(config.authority.directory, Date.now())
    const service = createLicensingService({ store, issuer: () => issuer })
    const read = (file: string) => Buffer.from(readOperatorFile(terminal.resolve(file))).toString('utf8')
    const { keyFile } = args
    const sessions = sessionsOf(args)
    const outcome = await service.submit(read(args.request), {
      ...(keyFile === undefined ? {} : { installationKey: read(keyFile) }),
      ...(sessions === null ? {} : { sessions }),
    })
    if (outcome.kind === 'license' && args.out !== undefined) {
      writeFileAtomically(terminal.resolve(args.out), `${outcome.license}\n`, { mode: 0o644, isNew: true })
    }
    tell(desk, args, outcome, linesOf(outcome, args.out !== undefined))
    if (outcome.kind === 'license' && args.out !== undefined) {
      terminal.say(
        `The license is in ${terminal.resolve(args.out)}. On the machine: sessionctl license install ${args.out}`,
      )
    }
    if (outcome.kind !== 'refused') return exitCode.ok
    const { code, message, hint } = outcome.refusal
    terminal.say(`Refused: ${message} (${code})`)
    terminal.say(`hint: ${hint}`)
    return exitCode.negative
  },
})

/** A license that was not written to a file is itself the answer, so that it can be piped on. */
function linesOf(outcome: Answer, isWritten: boolean): string[] {
  if (outcome.kind === 'refused') return []
  if (outcome.kind === 'confirmed') return [`Installation ${outcome.installationId} has confirmed.`]
  if (!isWritten) return [outcome.license]
  const { licenseId, units, unit, installationId, deactivated } = outcome
  const what = deactivated ? 'which grants nothing' : count(units, unit)
  return [`License ${licenseId} of installation ${installationId}: ${what}`]
}
