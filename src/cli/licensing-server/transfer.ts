import type { Transfer } from '../../licensing-server/ledger/model.ts'
import { confirm, yesOption } from '../confirm.ts'
import { commandGroup } from '../program.ts'
import { afterOption, type Desk, type LedgerArgs, ledgerCommand, tell } from './ledger-command.ts'
import { transferLines } from './ledger-view.ts'

const installationPositional = {
  type: 'string',
  demandOption: true,
  describe: 'The installation that the claim leaves',
} as const

const start = ledgerCommand({
  command: 'start <installation>',
  describe: 'Move a claim: the machine is asked to give it up, then the key that is shown takes it over',
  builder: argv => argv.positional('installation', installationPositional).option('yes', yesOption),
  async run(desk, args) {
    await confirm(
      `With its next reactivation, installation ${args.installation} grants no session any more.`,
      args.yes,
    )
    const { transfer, text } = await desk.admin.startTransfer(args.installation)
    return tellTransfer(desk, args, transfer, text)
  },
})

const force = ledgerCommand({
  command: 'force <installation>',
  describe: "Move the claim of a dead machine, on the customer's declaration",
  builder: argv =>
    argv
      .positional('installation', installationPositional)
      .option('declaration', {
        type: 'string',
        requiresArg: true,
        demandOption: true,
        describe: 'Who declared what, and when; it is kept',
      })
      .option('yes', yesOption),
  async run(desk, args) {
    await confirm(
      `Installation ${args.installation} is deactivated for good, without its confirmation.`,
      args.yes,
    )
    const { transfer, text } = await desk.admin.forceTransfer(args.installation, args.declaration)
    return tellTransfer(desk, args, transfer, text)
  },
})

/** `text`: the key, where it is shown now. */
function tellTransfer(desk: Desk, args: LedgerArgs, transfer: Transfer, text: string | null) {
  const { transferId, keyId, fromInstallationId, state } = transfer
  if (text !== null) desk.terminal.say(`The key that takes the claim over; it is shown once:`)
  else
    desk.terminal.say(`The key ${keyId} that was shown when the transfer was started takes the claim over.`)
  if (state === 'leaving') {
    desk.terminal.say(
      `It works once the old machine has reactivated and confirmed. To call it off: licensing-server transfer cancel ${transferId}`,
    )
  }
  const value = { ...transfer, installationKey: text }
  return tell(desk, args, value, text === null ? [`${transferId} from ${fromInstallationId}`] : [text])
}

const cancel = ledgerCommand({
  command: 'cancel <transfer>',
  describe: 'Call off a transfer that the old machine has not confirmed',
  builder: argv =>
    argv.positional('transfer', { type: 'string', demandOption: true, describe: 'The transfer' }),
  async run(desk, args) {
    const transfer = await desk.admin.cancelTransfer(args.transfer)
    return tell(desk, args, transfer, transferLines([transfer]))
  },
})

const list = ledgerCommand({
  command: 'list',
  describe: 'List transfers',
  builder: argv =>
    argv
      .option('pool', { type: 'string', requiresArg: true, describe: 'Of this pool' })
      .option('state', {
        choices: ['leaving', 'waiting', 'completed', 'cancelled'] as const,
        describe: 'In this state',
      })
      .option('after', afterOption),
  async run(desk, args) {
    const { pool, state, after } = args
    const transfers = await desk.store.transfers({
      after,
      ...(pool === undefined ? {} : { poolId: pool }),
      ...(state === undefined ? {} : { state }),
    })
    return tell(desk, args, transfers, transferLines(transfers))
  },
})

export const transfer = commandGroup('transfer', 'Transfers of claims from machine to machine', [
  start,
  force,
  cancel,
  list,
])
