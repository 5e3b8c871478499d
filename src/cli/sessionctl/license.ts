import { Fault } from '../../errors.ts'
import { verifyLicense } from '../../license/verify.ts'
import { exitCode } from '../exit-codes.ts'
import { readOperatorFile } from '../files.ts'
import { commandGroup, defineCommand } from '../program.ts'
import { askDaemon } from './ask-daemon.ts'
import { findConfig, findSocket, withDaemonFlags } from './find-daemon.ts'
import { installLicense } from './install-license.ts'
import { installStudio } from './install-studio.ts'
import { keepRevocations } from './keep-revocations.ts'
import { verifyContext } from './license-context.ts'
import { history, rollback } from './license-history.ts'
import { inForceLines, verdictJson, verdictLines } from './license-view.ts'
import { licensedOf, withProductFlags } from './licensed-product.ts'
import { recordInstalled } from './record-installed.ts'
import { simulate } from './simulate-license.ts'

const anyMachine = {
  type: 'boolean',
  default: false,
  describe: 'Leave out whether it is for this machine',
} as const

const json = { type: 'boolean', default: false, describe: 'Print JSON' } as const

const show = defineCommand({
  command: 'show [file]',
  describe: 'Show the license in force, or what a license file says',
  builder: argv =>
    withDaemonFlags(argv)
      .positional('file', { type: 'string', describe: 'A license file; left out: the license in force' })
      .option('any-machine', anyMachine)
      .option('json', json),
  async run(args, terminal) {
    if (args.file === undefined) {
      const license = await askDaemon(findSocket(args, terminal), client => client.license())
      if (args.json) terminal.printJson(license)
      else for (const line of inForceLines(license, terminal)) terminal.print(line)
      return license.admits ? exitCode.ok : exitCode.negative
    }
    const { config } = findConfig(args, terminal)
    const context = await verifyContext(config, args)
    const verdict = await verifyLicense(readOperatorFile(terminal.resolve(args.file)), context)
    if (args.json) terminal.printJson(verdictJson(terminal.resolve(args.file), verdict, context.now))
    else for (const line of verdictLines(verdict, context.now, terminal)) terminal.print(line)
    return verdict.ok ? exitCode.ok : exitCode.negative
  },
})

const check = defineCommand({
  command: 'check <file>',
  describe: 'Say whether a license file would be accepted on this machine',
  builder: argv =>
    withDaemonFlags(argv)
      .positional('file', { type: 'string', demandOption: true, describe: 'The license file' })
      .option('any-machine', anyMachine)
      .option('json', json),
  async run(args, terminal) {
    const { config } = findConfig(args, terminal)
    const context = await verifyContext(config, args)
    const verdict = await verifyLicense(readOperatorFile(terminal.resolve(args.file)), context)
    if (args.json) terminal.printJson(verdictJson(terminal.resolve(args.file), verdict, context.now))
    else if (verdict.ok) terminal.print(`${args.file}: valid, ${verdict.license.maxSessions} sessions`)
    else {
      terminal.print(`${args.file}: ${verdict.problem.code}: ${verdict.problem.message}`)
      terminal.say(`hint: ${verdict.problem.hint}`)
    }
    return verdict.ok ? exitCode.ok : exitCode.negative
  },
})

const install = defineCommand({
  command: 'install <file>',
  describe: 'Verify a license file and put it in force',
  builder: argv =>
    withProductFlags(withDaemonFlags(argv))
      .positional('file', { type: 'string', demandOption: true, describe: 'The license file' })
      .option('json', json),
  async run(args, terminal) {
    const { config } = findConfig(args, terminal)
    const licensed = licensedOf(args, config, terminal)
    if (licensed.product === 'studio') {
      const text = Buffer.from(readOperatorFile(terminal.resolve(args.file))).toString('utf8')
      return installStudio(text, licensed, config, args.json, terminal)
    }
    const socket = args.socket === undefined ? config.listen.unix.path : findSocket(args, terminal)
    const outcome = await installLicense(readOperatorFile(terminal.resolve(args.file)), config, socket)
    recordInstalled(outcome, config, terminal)
    if (args.json) terminal.printJson(outcome)
    switch (outcome.outcome) {
      case 'refused':
        terminal.say(`Not installed: ${outcome.problem.message} (${outcome.problem.code})`)
        terminal.say(`hint: ${outcome.problem.hint}`)
        terminal.say('The license that was there stays in force.')
        return exitCode.negative
      case 'in-force':
        terminal.say(`Installed and in force: ${outcome.limit} sessions. ${outcome.message}`)
        return exitCode.ok
      case 'rejected':
        terminal.say(
          `Installed in ${outcome.file}, but sessiond does not take it: ${outcome.problem.message}`,
        )
        if (outcome.problem.hint !== null) terminal.say(`hint: ${outcome.problem.hint}`)
        return exitCode.negative
      case 'not-running':
        terminal.say(
          `Installed in ${outcome.file}. sessiond is not running; it takes the license when it starts.`,
        )
        return exitCode.ok
      case 'not-seen':
        throw new Fault(
          'license-not-in-force',
          `Installed in ${outcome.file}, but sessiond has not taken it yet.`,
          {
            hint: `Does it use another configuration? Ask with: sessionctl license show. Or reload it: systemctl reload sessiond`,
          },
        )
    }
  },
})

export const license = commandGroup('license', 'Show, check, install and take back licenses', [
  show,
  check,
  simulate,
  install,
  history,
  rollback,
  keepRevocations,
])
