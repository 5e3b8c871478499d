import { Fault } from '../../errors.ts'
import { type Product, products } from '../../license/fields.ts'
import { sayInstant } from '../../license/instant.ts'
import { termsEndAt } from '../../licensing-server/ledger/license-terms.ts'
import { type Pool, unitOf } from '../../licensing-server/ledger/model.ts'
import { usualTerms } from '../../licensing-server/ledger/pools.ts'
import { confirm, yesOption } from '../confirm.ts'
import { type Command, commandGroup } from '../program.ts'
import { afterOption, ledgerCommand, requireChange, tell } from './ledger-command.ts'
import { keyLines, poolLines } from './ledger-view.ts'
import { reactivationOf, termsOf, withTerms } from './terms-options.ts'
import { known } from './unknown.ts'

const idPositional = { type: 'string', demandOption: true, describe: 'The pool' } as const

const open = ledgerCommand({
  command: 'open <customer>',
  describe: 'Open a pool: what a customer bought',
  builder: argv =>
    withTerms(argv)
      .positional('customer', { type: 'string', demandOption: true, describe: 'The customer' })
      .option('id', { type: 'string', requiresArg: true, describe: 'A short name; else one is made' })
      .option('product', {
        choices: products,
        default: 'call-services' as Product,
        describe: 'What is licensed',
      })
      .option('sessions', {
        type: 'number',
        requiresArg: true,
        describe: 'Sessions in all, of Call Services',
      })
      .option('seats', { type: 'number', requiresArg: true, describe: 'Seats in all, of Studio' })
      .demandOption('versions'),
  async run(desk, args) {
    const { product, id } = args
    const pool = await desk.admin.openPool({
      ...(id === undefined ? {} : { poolId: id }),
      customerId: args.customer,
      product,
      total: totalOf(args),
      terms: {
        ...usualTerms,
        versions: { from: '', to: '' },
        ...termsOf(args),
        reactivation: reactivationOf(args, usualTerms.reactivation),
      },
    })
    desk.terminal.say(`A key for it: licensing-server key create ${pool.poolId}`)
    return tell(desk, args, pool, poolLines([pool]))
  },
})

/** A pool counts what its product is licensed by, and is told in those words. */
function totalOf(args: {
  product: Product
  sessions: number | undefined
  seats: number | undefined
}): number {
  const unit = unitOf(args.product)
  const other = unit === 'sessions' ? args.seats : args.sessions
  const total = args[unit]
  if (total !== undefined && other === undefined) return total
  throw new Fault('usage', `A pool of ${args.product} is counted in ${unit}.`, { hint: `Say --${unit} N.` })
}

const list = ledgerCommand({
  command: 'list',
  describe: 'List the pools',
  builder: argv =>
    argv
      .option('customer', { type: 'string', requiresArg: true, describe: 'Of this customer' })
      .option('after', afterOption),
  async run(desk, args) {
    const { customer, after } = args
    const pools = await desk.store.pools({
      after,
      ...(customer === undefined ? {} : { customerId: customer }),
    })
    return tell(desk, args, pools, poolLines(pools))
  },
})

const show = ledgerCommand({
  command: 'show <id>',
  describe: 'Show a pool, its terms and its keys',
  builder: argv => argv.positional('id', idPositional),
  async run(desk, args) {
    const pool = known(await desk.store.pool(args.id), 'pool', args.id)
    const keys = await desk.store.keys({ poolId: args.id })
    const shown = keys.map(({ secretHash: _, ...key }) => key)
    return tell(desk, args, { ...pool, keys: shown }, [
      ...poolLines([pool]),
      '',
      ...termLines(pool),
      '',
      ...keyLines(keys),
    ])
  },
})

function termLines({ terms }: Pool): string[] {
  const { features, reactivation, overdraft, offlineAdmission } = terms
  const { intervalHours, requiredWithinDays } = reactivation
  const within = requiredWithinDays === null ? '' : `, required within ${requiredWithinDays} days`
  return [
    `Features      ${features.join(', ') || 'none'}`,
    `Grace         ${graceText(terms)}`,
    `Reactivation  about every ${intervalHours} hours${within}`,
    `Overdraft     ${overdraft === null ? 'none' : `${overdraft.sessions} sessions for ${overdraft.minutes} minutes`}`,
    `Offline       ${offlineAdmission === null ? 'none' : `${offlineAdmission.calls} calls for ${offlineAdmission.seconds} seconds`}`,
    `Reservations  ${terms.reservationsAllowed ? 'allowed' : 'not allowed'}`,
    `Emergency     ${terms.emergencyClass ? 'calls always pass' : 'no class of its own'}`,
  ]
}

function graceText(terms: Pool['terms']): string {
  const end = termsEndAt(terms)
  const days = `${terms.graceDays} days`
  return end === null || terms.graceDays === 0 ? days : `${days}, until ${sayInstant(end)}`
}

const change = ledgerCommand({
  command: 'change <id>',
  describe: 'Change what the licenses of a pool grant; machines receive it with their next reactivation',
  builder: argv => withTerms(argv).positional('id', idPositional),
  async run(desk, args) {
    const terms = termsOf(args)
    const { reactivateHours, requiredWithinDays } = args
    requireChange(
      { ...terms, reactivateHours, requiredWithinDays },
      'For example: --expires 2028-12-31. See: licensing-server pool change --help',
    )
    const before = known(await desk.store.pool(args.id), 'pool', args.id)
    const reactivation = reactivationOf(args, before.terms.reactivation)
    const pool = await desk.admin.changeTerms(args.id, { ...terms, reactivation })
    return tell(desk, args, pool, [...poolLines([pool]), '', ...termLines(pool)])
  },
})

function addCommand(unit: 'sessions' | 'seats'): Command {
  return ledgerCommand({
    command: `add-${unit} <id> <number>`,
    describe: `Add ${unit} to a pool, for good`,
    builder: argv =>
      argv
        .positional('id', idPositional)
        .positional('number', { type: 'number', demandOption: true, describe: `How many ${unit} more` })
        .option('yes', yesOption),
    async run(desk, args) {
      const before = known(await desk.store.pool(args.id), 'pool', args.id)
      const own = unitOf(before.product)
      if (own !== unit) {
        throw new Fault('usage', `Pool ${args.id} is of ${before.product}: it has no ${unit}.`, {
          hint: `It is counted in ${own}: licensing-server pool add-${own} ${args.id} N`,
        })
      }
      if (!(Number.isSafeInteger(args.number) && args.number >= 1)) {
        throw new Fault('usage', `How many ${unit} are added is a whole number from 1 on.`, {
          hint: `For example: licensing-server pool add-${unit} ${args.id} 10`,
        })
      }
      await confirm(`${args.number} ${unit} are added to the ${before.total} of pool ${args.id}.`, args.yes)
      const pool = await desk.admin.addUnits(args.id, args.number)
      return tell(desk, args, pool, poolLines([pool]))
    },
  })
}

export const pool = commandGroup('pool', 'Pools: what customers bought', [
  open,
  list,
  show,
  change,
  addCommand('sessions'),
  addCommand('seats'),
])
