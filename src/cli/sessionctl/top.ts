import { setTimeout as delay } from 'node:timers/promises'
import type { SessionClient } from '../../client/index.ts'
import { operatorsSocketOf } from '../../daemon/config/schema.ts'
import { Fault } from '../../errors.ts'
import { exitCode } from '../exit-codes.ts'
import { interruption } from '../interruption.ts'
import { defineCommand } from '../program.ts'
import type { Terminal } from '../terminal.ts'
import { askDaemon } from './ask-daemon.ts'
import { askOperators } from './ask-operators.ts'
import { findConfig, findSocket, withDaemonFlags } from './find-daemon.ts'
import { Screen } from './screen.ts'
import { eventsBetween, type Look, topLines } from './top-view.ts'

const LONGEST = 5
const MAX_EVENTS = 8
const LOOKS_APART_MS = 500

export const top = defineCommand({
  command: 'top',
  describe: 'Watch limit, applications, rates, the longest sessions and what happens; q leaves',
  builder: argv =>
    withDaemonFlags(argv)
      .option('interval', {
        type: 'number',
        requiresArg: true,
        default: 1,
        describe: 'Seconds between two looks',
      })
      .option('once', {
        type: 'boolean',
        default: false,
        describe: 'Print it once, also where no terminal is',
      })
      .option('json', { type: 'boolean', default: false, describe: 'With --once: print JSON' }),
  async run(args, terminal) {
    if (!(args.interval >= 0.2 && args.interval <= 3600)) {
      throw new Fault('usage', 'The interval must be from 0.2 to 3600 seconds.', { hint: 'Try --interval 1' })
    }
    const socket = findSocket(args, terminal)
    const operators =
      args.socket === undefined ? operatorsSocketOf(findConfig(args, quiet(terminal)).config) : null
    if (args.once || args.json) {
      const [before, look] = await askDaemon(socket, client => twoLooks(client, operators))
      if (args.json) terminal.printJson({ status: look.status, longest: look.longest })
      else
        for (const line of topLines(look, before, [], terminal.columns, terminal.style)) terminal.print(line)
      return exitCode.ok
    }
    if (!terminal.isInteractive) {
      throw new Fault('usage', 'There is no terminal to draw on.', {
        hint: 'Print it once: sessionctl top --once',
      })
    }
    await askDaemon(socket, client => watch(client, operators, args.interval * 1000, terminal))
    return exitCode.ok
  },
})

/** The configuration is found twice; it is told once. */
function quiet(terminal: Terminal): Terminal {
  return { ...terminal, say: () => undefined }
}

async function twoLooks(client: SessionClient, operators: string | null): Promise<[Look, Look]> {
  const before = await look(client, null)
  await delay(LOOKS_APART_MS)
  return [before, await look(client, operators)]
}

async function look(client: SessionClient, operators: string | null): Promise<Look> {
  const status = await client.status()
  return { at: performance.now(), status, longest: await longestOf(operators) }
}

/** Who may connect as a call process but is no operator sees everything else. */
async function longestOf(operators: string | null): Promise<Look['longest']> {
  if (operators === null) return 'not with --socket, which names the socket of call processes'
  try {
    return (await askOperators(operators, 'sessions.list', { limit: LONGEST })).sessions
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return error.code === 'daemon-not-permitted' ? 'only operators see them; use sudo' : error.message
  }
}

/** Goes on through restarts of the daemon: that is when somebody watches. */
async function watch(
  client: SessionClient,
  operators: string | null,
  intervalMs: number,
  terminal: Terminal,
): Promise<void> {
  const controller = interruption()
  const { signal } = controller
  const screen = new Screen(() => controller.abort())
  const events: string[] = []
  const tell = (texts: readonly string[]) => {
    const time = new Date().toISOString().slice(11, 19)
    for (const text of texts) events.unshift(`${time}  ${text}`)
    events.length = Math.min(events.length, MAX_EVENTS)
  }
  let before: Look | null = null
  screen.enter()
  try {
    while (!signal.aborted) {
      try {
        const now: Look = await look(client, operators)
        if (before !== null) tell(eventsBetween(before.status, now.status))
        screen.draw(topLines(now, before, events, screen.columns, terminal.style))
        before = now
      } catch (error) {
        if (!(error instanceof Fault && error.retryable)) throw error
        tell([error.message])
        screen.draw([error.message, '', ...events])
      }
      await delay(intervalMs, undefined, { signal }).catch(() => undefined)
    }
  } finally {
    screen.leave()
  }
}
