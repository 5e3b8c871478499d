import { hostname, userInfo } from 'node:os'
import type { ArgumentsCamelCase, Argv } from 'yargs'
import { Fault } from '../../errors.ts'
import { type Administration, createAdministration } from '../../licensing-server/administration.ts'
import type { Config } from '../../licensing-server/config/schema.ts'
import type { LedgerStore } from '../../licensing-server/store/store.ts'
import { configOfArgs } from '../config-flags.ts'
import { type ExitCode, exitCode } from '../exit-codes.ts'
import { type Command, defineCommand } from '../program.ts'
import type { Terminal } from '../terminal.ts'
import { jsonOption } from './options.ts'
import { serverConfig } from './server-config.ts'

export interface LedgerArgs {
  config: string | undefined
  as: string | undefined
  json: boolean
}

/** What a command of the account representative works with. */
export interface Desk {
  admin: Administration
  store: LedgerStore
  config: Config
  terminal: Terminal
}

export interface LedgerCommandSpec<T> {
  command: string
  describe: string
  builder(argv: Argv<LedgerArgs>): Argv<T>
  /** The ledger is open while this runs. */
  run(desk: Desk, args: ArgumentsCamelCase<T>): Promise<ExitCode>
}

/** A command that works on the ledger which the configuration of the licensing server names. */
export function ledgerCommand<T extends LedgerArgs>(spec: LedgerCommandSpec<T>): Command {
  return defineCommand<T>({
    command: spec.command,
    describe: spec.describe,
    builder: argv => spec.builder(withLedger(argv)),
    run: (args, terminal) => atDesk(args, terminal, desk => spec.run(desk, args)),
  })
}

function withLedger(argv: Argv): Argv<LedgerArgs> {
  return argv
    .option('config', {
      type: 'string',
      requiresArg: true,
      describe: `Configuration of the licensing server; else ${serverConfig.fileWithoutFlag}`,
    })
    .option('ledger.location', {
      type: 'string',
      requiresArg: true,
      describe: 'Another ledger than the configuration names: a file, or a postgres:// URL',
    })
    .option('authority.directory', {
      type: 'string',
      requiresArg: true,
      describe: 'Another folder of the authority than the configuration names',
    })
    .option('as', {
      type: 'string',
      requiresArg: true,
      describe: 'Who acts, as it stands in the events; else user and machine',
    })
    .option('json', jsonOption)
}

/** Opens the ledger, lets the command work, and closes it. */
async function atDesk(
  args: LedgerArgs,
  terminal: Terminal,
  work: (desk: Desk) => Promise<ExitCode>,
): Promise<ExitCode> {
  const { config } = configOfArgs(args, terminal, serverConfig)
  // Loaded late, so that help and wrong options are told without loading databases.
  const { openLedger } = await import('../../licensing-server/store/open.ts')
  const { location, timeoutMs } = config.ledger
  const store = await openLedger(location, { connections: 2, timeoutMs })
  try {
    const admin = createAdministration({ store, by: args.as ?? whoActs() })
    return await work({ store, config, admin, terminal })
  } finally {
    await store.close()
  }
}

function whoActs(): string {
  return `${userInfo().username}@${hostname()}`
}

/** The answer of a command: lines for people, or JSON for programs. */
export function tell({ terminal }: Desk, { json }: LedgerArgs, value: unknown, lines: string[]): ExitCode {
  if (json) terminal.printJson(value)
  else for (const line of lines) terminal.print(line)
  return exitCode.ok
}

/** For what shows events. */
export function eventsOption(usual: number) {
  return { type: 'number', requiresArg: true, default: usual, describe: 'How many events' } as const
}

const mostEvents = 100_000

/** The number of `--events`. A Fault `usage` where it is none. */
export function eventsOf({ events }: { events: number }): number {
  if (Number.isSafeInteger(events) && events >= 1 && events <= mostEvents) return events
  throw new Fault('usage', `The number of events is a whole number from 1 to ${mostEvents}.`, {
    hint: 'For example: --events 100',
  })
}

/** A Fault `usage` where a command that changes something was told nothing to change. */
export function requireChange(changes: object, hint: string): void {
  if (Object.values(changes).some(value => value !== undefined)) return
  throw new Fault('usage', 'Nothing to change was named.', { hint })
}

/** For listings, which give a page at a time. */
export const afterOption = {
  type: 'string',
  requiresArg: true,
  default: '',
  describe: 'Go on after this one; a listing gives 500 at a time',
} as const
