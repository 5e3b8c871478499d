import { Fault } from '../../errors.ts'
import { type ExitCode, exitCode } from '../exit-codes.ts'
import { readOperatorFile, writeFileAtomically } from '../files.ts'
import { interruptible } from '../interruption.ts'
import { defineCommand } from '../program.ts'
import { readSecret } from '../read-secret.ts'
import type { Terminal } from '../terminal.ts'
import { findConfig, withDaemonFlags } from './find-daemon.ts'
import { tellFollowed } from './follow-daemon.ts'
import { licensedOf, withProductFlags } from './licensed-product.ts'
import { tellOutcome } from './outcome-view.ts'
import { type OwnLicense, withOwnLicense } from './own-license.ts'
import { licensingServerOf, withServerFlag } from './server-flag.ts'
import { sessionsOf, sessionsOption } from './sessions-option.ts'

export const activate = defineCommand({
  command: 'activate',
  describe: 'Claim a license for this machine with an installation key, or write the request for it',
  builder: argv =>
    withProductFlags(withServerFlag(withDaemonFlags(argv)))
      .option('key-file', {
        type: 'string',
        requiresArg: true,
        describe: 'File that holds the installation key, - for standard input; else it is asked for',
      })
      .option('sessions', sessionsOption)
      .option('request-file', {
        type: 'string',
        requiresArg: true,
        describe: 'Asks nobody: writes the request there, to be carried to the licensing server by hand',
      })
      .option('anew', {
        type: 'boolean',
        default: false,
        describe:
          'With --request-file: not the request that waits for its answer, but another; on a machine that was deactivated, for a license',
      })
      .option('json', { type: 'boolean', default: false, describe: 'Print JSON' })
      .conflicts('request-file', ['key-file', 'server']),
  async run(args, terminal) {
    const { config } = findConfig(args, terminal)
    const licensed = licensedOf(args, config, terminal)
    const sessions = sessionsOf(args)
    if (args.requestFile !== undefined) {
      const wish = { sessions, anew: args.anew, file: terminal.resolve(args.requestFile), json: args.json }
      return withOwnLicense(config, licensed, terminal, own => writeRequest(own, wish, terminal))
    }
    const server = licensingServerOf(args, config, terminal)
    const key = await readInstallationKey(args.keyFile, terminal)
    const { outcome, before } = await withOwnLicense(
      config,
      licensed,
      terminal,
      async ({ keeper, exchange }) => ({
        before: keeper.license ?? keeper.identity,
        outcome: await interruptible(signal => exchange.activate(server, key, { sessions, signal })),
      }),
    )
    const code = tellOutcome(outcome, before, licensed.file, args.json, terminal)
    if (outcome.kind !== 'refreshed' || licensed.product !== 'call-services') return code
    await tellFollowed(args, config, licensed.file, outcome.license, terminal)
    return code
  },
})

async function readInstallationKey(file: string | undefined, terminal: Terminal): Promise<string> {
  const text =
    file === undefined || file === '-'
      ? await readSecret('Installation key (it is not shown): ')
      : Buffer.from(readOperatorFile(terminal.resolve(file))).toString('utf8')
  const key = text.split('\n')[0]!.trim()
  if (key !== '') return key
  throw new Fault('usage', 'The installation key is empty.', {
    hint: 'It stands in the message that brought it: --key-file FILE, or type it at the prompt.',
  })
}

interface RequestWish {
  sessions: number | null
  anew: boolean
  /** Where the request is written. */
  file: string
  json: boolean
}

async function writeRequest(
  { exchange }: OwnLicense,
  wish: RequestWish,
  terminal: Terminal,
): Promise<ExitCode> {
  const { file, json, ...of } = wish
  const { requestId, text, asks, jkt } = await exchange.request(of)
  writeFileAtomically(file, `${text}\n`, { mode: 0o644 })
  if (json) terminal.printJson({ file, requestId, machineKeyThumbprint: jkt, ...asks })
  if (asks.deactivationOf !== null) {
    terminal.say(`The confirmation that this machine is deactivated is in ${file}.`)
    terminal.say('Carry it to the licensing server: it frees the claim for the other machine.')
    return exitCode.ok
  }
  terminal.say(`The request of this machine is in ${file}.`)
  terminal.say(
    'Carry it to the licensing server; install the license that comes back: sessionctl license install FILE',
  )
  return exitCode.ok
}
