import { thisProcess } from '../../daemon/audit/event.ts'
import { Fault } from '../../errors.ts'
import { confirm, yesOption } from '../confirm.ts'
import { exitCode } from '../exit-codes.ts'
import { commandGroup, defineCommand } from '../program.ts'
import type { Terminal } from '../terminal.ts'
import { askOperators, findOperatorsSocket } from './ask-operators.ts'
import { secondsOf } from './duration.ts'
import { withDaemonFlags } from './find-daemon.ts'
import { sessionLines, sessionsLines, sessionText } from './sessions-view.ts'

const json = { type: 'boolean', default: false, describe: 'Print JSON' } as const

const MAX_LISTED = 1000

const list = defineCommand({
  command: 'list',
  describe: 'List sessions, the oldest first',
  builder: argv =>
    withDaemonFlags(argv)
      .option('application', {
        alias: 'a',
        type: 'string',
        requiresArg: true,
        describe: 'Only of this application',
      })
      .option('client', { type: 'string', requiresArg: true, describe: 'Only of clients with this id' })
      .option('orphaned', {
        type: 'boolean',
        describe: 'Only those whose connection is gone; --no-orphaned: only the others',
      })
      .option('longer-than', {
        type: 'string',
        requiresArg: true,
        describe: 'Only those held so long, such as 90s, 15m, 2h or 1d',
      })
      .option('limit', {
        type: 'number',
        requiresArg: true,
        default: 100,
        describe: `Most that are listed, up to ${MAX_LISTED}`,
      })
      .option('json', json),
  async run(args, terminal) {
    const { application, client, orphaned, limit } = args
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LISTED) {
      throw new Fault('usage', `--limit must be a whole number from 1 to ${MAX_LISTED}.`, {
        hint: 'For more, narrow it with --application, --client or --longer-than.',
      })
    }
    const longerThanSeconds =
      args.longerThan === undefined ? undefined : secondsOf('--longer-than', args.longerThan)
    const params = { application, client, orphaned, longerThanSeconds, limit }
    const found = await askOperators(findOperatorsSocket(args, terminal), 'sessions.list', params)
    if (args.json) terminal.printJson(found)
    else for (const line of sessionsLines(found)) terminal.print(line)
    return exitCode.ok
  },
})

const show = defineCommand({
  command: 'show <id>',
  describe: 'Show one session',
  builder: argv =>
    withDaemonFlags(argv)
      .positional('id', {
        type: 'string',
        demandOption: true,
        describe: 'Its id, as `sessions list` shows it',
      })
      .option('json', json),
  async run(args, terminal) {
    checkId(args.id)
    const { session } = await askOperators(findOperatorsSocket(args, terminal), 'sessions.show', {
      id: args.id,
    })
    if (args.json) terminal.printJson({ session })
    if (session === null) return tellUnknown(args.id, terminal)
    if (!args.json) for (const line of sessionLines(session)) terminal.print(line)
    return exitCode.ok
  },
})

const release = defineCommand({
  command: 'release <id>',
  describe: 'Count a session off that its holder left behind; the call itself is not ended',
  builder: argv =>
    withDaemonFlags(argv)
      .positional('id', {
        type: 'string',
        demandOption: true,
        describe: 'Its id, as `sessions list` shows it',
      })
      .option('reason', { type: 'string', requiresArg: true, describe: 'For the audit trail' })
      .option('yes', yesOption)
      .option('json', json),
  async run(args, terminal) {
    checkId(args.id)
    const { id, reason } = args
    const socket = findOperatorsSocket(args, terminal)
    const { session } = await askOperators(socket, 'sessions.show', { id })
    if (session !== null) {
      await confirm(
        `Release ${sessionText(session)}? If its call still runs, one more than licensed may be carried.`,
        args.yes,
      )
    }
    const { uid, user, behalfOf } = thisProcess('sessionctl', terminal.environment)
    const operator = { uid, user, ...(behalfOf === undefined ? {} : { behalfOf }) }
    const outcome = await askOperators(socket, 'sessions.release', { id, operator, reason })
    if (args.json) terminal.printJson(outcome)
    if (!outcome.released || outcome.session === null) return tellUnknown(id, terminal)
    terminal.say(`Released: ${sessionText(outcome.session)}.`)
    if (!outcome.audited) terminal.say('warning: the audit trail cannot be written now; the event waits.')
    return exitCode.ok
  },
})

function checkId(id: string): void {
  if (/^[0-9]{1,9}-[0-9a-f]{12}$/.test(id)) return
  throw new Fault('usage', `${JSON.stringify(id)} is not the id of a session.`, {
    hint: 'Ids look like 12-9f86d081884c. See: sessionctl sessions list',
  })
}

function tellUnknown(id: string, terminal: Terminal) {
  terminal.say(`There is no session ${id}, or not any more.`)
  return exitCode.negative
}

export const sessions = commandGroup('sessions', 'List, show and release single sessions', [
  list,
  show,
  release,
])
