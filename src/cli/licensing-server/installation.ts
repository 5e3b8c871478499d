import { readEvent } from '../../licensing-server/ledger/chain.ts'
import { installationStream } from '../../licensing-server/ledger/events.ts'
import type { Transfer } from '../../licensing-server/ledger/model.ts'
import { commandGroup } from '../program.ts'
import { afterOption, eventsOf, eventsOption, ledgerCommand, tell } from './ledger-command.ts'
import { eventLines, installationLines, transferLines } from './ledger-view.ts'
import { known } from './unknown.ts'

const idPositional = { type: 'string', demandOption: true, describe: 'The installation' } as const
const noteOption = {
  type: 'string',
  requiresArg: true,
  demandOption: true,
  describe: 'Why; it stands in the events',
} as const

const states = ['active', 'leaving', 'deactivated'] as const
const standings = ['good', 'clone-suspected', 'cleared', 'blocked'] as const

const list = ledgerCommand({
  command: 'list',
  describe: 'List installations',
  builder: argv =>
    argv
      .option('customer', { type: 'string', requiresArg: true, describe: 'Of this customer' })
      .option('pool', { type: 'string', requiresArg: true, describe: 'Of this pool' })
      .option('standing', {
        choices: standings,
        describe: 'In this standing; clone-suspected ones wait for you',
      })
      .option('state', { choices: states, describe: 'In this state' })
      .option('after', afterOption),
  async run(desk, args) {
    const { customer, pool, standing, state, after } = args
    const installations = await desk.store.installations({
      after,
      ...(customer === undefined ? {} : { customerId: customer }),
      ...(pool === undefined ? {} : { poolId: pool }),
      ...(standing === undefined ? {} : { standing }),
      ...(state === undefined ? {} : { state }),
    })
    return tell(desk, args, installations, installationLines(installations))
  },
})

const show = ledgerCommand({
  command: 'show <id>',
  describe: 'Show an installation and its latest events',
  builder: argv => argv.positional('id', idPositional).option('events', eventsOption(20)),
  async run(desk, args) {
    const most = eventsOf(args)
    const situation = known(await desk.store.situation(args.id), 'installation', args.id)
    const { installation, transfer } = situation
    const rows = await desk.store.latestEvents(installationStream(args.id), most)
    const events = rows.map(readEvent)
    return tell(desk, args, { ...installation, transfer, events }, [
      ...installationLines([installation]),
      ...(transfer === null ? [] : ['', ...transferLines([transfer]), ...declarationLines(transfer)]),
      '',
      ...eventLines(events),
    ])
  },
})

function declarationLines({ declaration }: Transfer): string[] {
  return declaration === null ? [] : [`Declared: ${declaration}`]
}

const clear = ledgerCommand({
  command: 'clear <id>',
  describe: 'Clear an installation that was suspected or blocked: its next request is the one machine',
  builder: argv => argv.positional('id', idPositional).option('note', noteOption),
  async run(desk, args) {
    const installation = await desk.admin.clearInstallation(args.id, args.note)
    return tell(desk, args, installation, installationLines([installation]))
  },
})

const block = ledgerCommand({
  command: 'block <id>',
  describe: 'Block an installation: it gets no license any more, until it is cleared',
  builder: argv => argv.positional('id', idPositional).option('note', noteOption),
  async run(desk, args) {
    const installation = await desk.admin.blockInstallation(args.id, args.note)
    return tell(desk, args, installation, installationLines([installation]))
  },
})

export const installation = commandGroup('installation', 'Installations: activated machines', [
  list,
  show,
  clear,
  block,
])
