import { commandGroup } from '../program.ts'
import { afterOption, ledgerCommand, requireChange, tell } from './ledger-command.ts'
import { customerLines, poolLines } from './ledger-view.ts'
import { known } from './unknown.ts'

const idPositional = { type: 'string', demandOption: true, describe: 'The customer' } as const
const nameOption = { type: 'string', requiresArg: true, describe: 'Name, as it stands in licenses' } as const
const emailOption = { type: 'string', requiresArg: true, describe: "The representative's address" } as const
const phoneOption = { type: 'string', requiresArg: true, describe: "The representative's phone" } as const
const representativeOption = {
  type: 'string',
  requiresArg: true,
  describe: "The customer's account representative, whom refusals name",
} as const

const add = ledgerCommand({
  command: 'add <id>',
  describe: 'Add a customer',
  builder: argv =>
    argv
      .positional('id', { ...idPositional, describe: 'A short name, such as acme' })
      .option('name', { ...nameOption, demandOption: true })
      .option('representative', { ...representativeOption, demandOption: true })
      .option('email', { ...emailOption, demandOption: true })
      .option('phone', phoneOption),
  async run(desk, args) {
    const { id: customerId, name, email, phone = null } = args
    const representative = { name: args.representative, email, phone }
    const customer = await desk.admin.addCustomer({ customerId, name, representative })
    return tell(desk, args, customer, customerLines([customer]))
  },
})

const change = ledgerCommand({
  command: 'change <id>',
  describe: 'Give a customer another name or representative',
  builder: argv =>
    argv
      .positional('id', idPositional)
      .option('name', nameOption)
      .option('representative', representativeOption)
      .option('email', emailOption)
      .option('phone', phoneOption),
  async run(desk, args) {
    const { name, representative, email, phone } = args
    requireChange({ name, representative, email, phone }, 'Say --name, --representative, --email or --phone.')
    const customer = await desk.admin.changeCustomer(args.id, {
      ...(name === undefined ? {} : { name }),
      representative: {
        ...(representative === undefined ? {} : { name: representative }),
        ...(email === undefined ? {} : { email }),
        ...(phone === undefined ? {} : { phone }),
      },
    })
    return tell(desk, args, customer, customerLines([customer]))
  },
})

const list = ledgerCommand({
  command: 'list',
  describe: 'List the customers',
  builder: argv => argv.option('after', afterOption),
  async run(desk, args) {
    const customers = await desk.store.customers({ after: args.after })
    return tell(desk, args, customers, customerLines(customers))
  },
})

const show = ledgerCommand({
  command: 'show <id>',
  describe: 'Show a customer and its pools',
  builder: argv => argv.positional('id', idPositional),
  async run(desk, args) {
    const customer = known(await desk.store.customer(args.id), 'customer', args.id)
    const pools = await desk.store.pools({ customerId: args.id })
    const lines = [...customerLines([customer]), '', ...poolLines(pools)]
    return tell(desk, args, { ...customer, pools }, lines)
  },
})

export const customer = commandGroup('customer', 'Customers and their account representatives', [
  add,
  change,
  list,
  show,
])
