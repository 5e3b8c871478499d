import { setTimeout as delay } from 'node:timers/promises'
import { Fault } from '../../errors.ts'
import type { ResultOf } from '../../protocol/schemas.ts'
import { exitCode } from '../exit-codes.ts'
import { interruption } from '../interruption.ts'
import { defineCommand } from '../program.ts'
import type { Terminal } from '../terminal.ts'
import { askDaemon } from './ask-daemon.ts'
import { findSocket, withDaemonFlags } from './find-daemon.ts'
import { statusLines } from './status-view.ts'

const CLEAR_SCREEN = '\u001b[H\u001b[2J'

export const status = defineCommand({
  command: 'status',
  describe: 'Show license, limit, sessions in use, refusals and connections',
  builder: argv =>
    withDaemonFlags(argv)
      .option('watch', {
        alias: 'w',
        type: 'boolean',
        default: false,
        describe: 'Show it again and again, until Ctrl-C',
      })
      .option('interval', {
        type: 'number',
        requiresArg: true,
        default: 1,
        describe: 'Seconds between two with --watch',
      })
      .option('json', {
        type: 'boolean',
        default: false,
        describe: 'Print JSON, with --watch a line each time',
      }),
  async run(args, terminal) {
    const socket = findSocket(args, terminal)
    if (!args.watch) {
      const status = await askDaemon(socket, client => client.status())
      if (args.json) terminal.printJson(status)
      else for (const line of statusLines(status, terminal)) terminal.print(line)
      return exitCode.ok
    }
    if (!(args.interval >= 0.1 && args.interval <= 3600)) {
      throw new Fault('usage', 'The interval must be from 0.1 to 3600 seconds.', { hint: 'Try --interval 1' })
    }
    const show = args.json
      ? (status: ResultOf<'status.get'>) => terminal.print(JSON.stringify(status))
      : (status: ResultOf<'status.get'>) => showScreen(status, terminal)
    await watch(socket, args.interval * 1000, show, terminal)
    return exitCode.ok
  },
})

function showScreen(status: ResultOf<'status.get'>, terminal: Terminal): void {
  const clear = terminal.isInteractive ? CLEAR_SCREEN : ''
  terminal.print(`${clear}${statusLines(status, terminal).join('\n')}\n`)
}

/** Goes on through restarts of the daemon: that is when somebody watches. */
async function watch(
  socket: string,
  intervalMs: number,
  show: (status: ResultOf<'status.get'>) => void,
  terminal: Terminal,
): Promise<void> {
  const { signal } = interruption()
  await askDaemon(socket, async client => {
    while (!signal.aborted) {
      try {
        show(await client.status())
      } catch (error) {
        if (!(error instanceof Fault && error.retryable)) throw error
        terminal.say(`warning: ${error.message}`)
      }
      await delay(intervalMs, undefined, { signal }).catch(() => {})
    }
  })
}
