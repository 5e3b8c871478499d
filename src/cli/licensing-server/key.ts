import { confirm, yesOption } from '../confirm.ts'
import { commandGroup } from '../program.ts'
import { afterOption, ledgerCommand, tell } from './ledger-command.ts'
import { keyLines } from './ledger-view.ts'

const create = ledgerCommand({
  command: 'create <pool>',
  describe: 'Make an installation key for a pool; it is shown once',
  builder: argv =>
    argv
      .positional('pool', { type: 'string', demandOption: true, describe: 'The pool that it claims from' })
      .option('label', {
        type: 'string',
        requiresArg: true,
        default: 'installation key',
        describe: 'What it is for, for people',
      }),
  async run(desk, args) {
    const { text, key } = await desk.admin.createKey(args.pool, args.label)
    desk.terminal.say(`Send it to the customer now: it is kept as a hash, and nobody can show it again.`)
    const { secretHash: _, ...shown } = key
    return tell(desk, args, { ...shown, installationKey: text }, [text])
  },
})

const list = ledgerCommand({
  command: 'list',
  describe: 'List installation keys, by the part of them that is no secret',
  builder: argv =>
    argv
      .option('pool', { type: 'string', requiresArg: true, describe: 'Of this pool' })
      .option('after', afterOption),
  async run(desk, args) {
    const { pool, after } = args
    const keys = await desk.store.keys({ after, ...(pool === undefined ? {} : { poolId: pool }) })
    const shown = keys.map(({ secretHash: _, ...key }) => key)
    return tell(desk, args, shown, keyLines(keys))
  },
})

const revoke = ledgerCommand({
  command: 'revoke <key>',
  describe: 'Withdraw an installation key; machines that were activated with it are not touched',
  builder: argv =>
    argv
      .positional('key', { type: 'string', demandOption: true, describe: 'The six characters of `key list`' })
      .option('yes', yesOption),
  async run(desk, args) {
    await confirm(`The installation key ${args.key} is withdrawn.`, args.yes)
    const key = await desk.admin.revokeKey(args.key)
    const { secretHash: _, ...shown } = key
    return tell(desk, args, shown, keyLines([key]))
  },
})

export const key = commandGroup('key', 'Installation keys', [create, list, revoke])
