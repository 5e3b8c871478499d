import { relative } from 'node:path'
import { loadConfig } from '../../daemon/config/load.ts'
import { Fault } from '../../errors.ts'
import { sayInstant } from '../../license/instant.ts'
import { demoPaths } from '../demo/demo-paths.ts'
import type { Demo } from '../demo/demo-setup.ts'
import { defineCommand } from '../program.ts'
import { knock } from '../sessionctl/reach-daemon.ts'
import { sessionsOf } from '../sessionctl/sessions-option.ts'
import type { Terminal } from '../terminal.ts'
import { serve } from './serve.ts'

export const demo = defineCommand({
  command: 'demo',
  describe: 'Run a demonstration: a licensing server, and a daemon with a license from it',
  builder: argv =>
    argv
      .option('dir', {
        type: 'string',
        requiresArg: true,
        default: '.demo',
        describe: 'Folder that holds everything the demonstration needs',
      })
      .option('sessions', {
        type: 'number',
        requiresArg: true,
        default: 10,
        describe: 'Sessions that the license is for',
      }),
  async run(args, terminal) {
    const sessions = sessionsOf(args) ?? 10
    const folder = terminal.resolve(args.dir)
    await refuseSecond(demoPaths(folder).socket)
    terminal.say(`Preparing the demonstration in ${folder} …`)
    // Loaded late: the licensing server's part is of no use to `sessiond run`.
    const { setUpDemo } = await import('../demo/demo-setup.ts')
    const made = await setUpDemo(folder, sessions, terminal)
    if (made.paths.isSocketElsewhere) {
      terminal.say(`The folder is too deep for a Unix socket, so that lies in ${made.paths.socket}.`)
    }
    if (made.license.maxSessions > sessions) {
      const owned = `This demonstration owns ${made.license.maxSessions} sessions already, and a claim is never lowered.`
      terminal.say(`${owned} For another: npx sessiond demo --dir FOLDER`)
    }
    const load = () => loadConfig({ file: made.paths.config, environment: {}, workingDirectory: folder })
    try {
      return await serve(load, () => sayNextSteps(made, terminal))
    } finally {
      await made.vendor.stop('the demonstration ends')
    }
  },
})

async function refuseSecond(socket: string): Promise<void> {
  try {
    await knock(socket)
  } catch (error) {
    if (error instanceof Fault && error.code === 'daemon-not-running') return
    throw error
  }
  throw new Fault('demo-running', `This demonstration runs already, on ${socket}.`, {
    hint: 'Ask it with: npx sessionctl status. Or run another: npx sessiond demo --dir FOLDER',
  })
}

function sayNextSteps({ paths, license, vendor }: Demo, terminal: Terminal): void {
  const where = relative(terminal.workingDirectory, paths.folder)
  // In the folder above .demo, sessionctl finds the demonstration by itself.
  const flag =
    where === '.demo' ? '' : ` --config ${where.startsWith('..') ? paths.config : `${where}/sessiond.yaml`}`
  const until = license.expiresAt === null ? '' : ` until ${sayInstant(Date.parse(license.expiresAt))}`
  const more = license.maxSessions + 1
  const lines = [
    '',
    `sessiond is ready: a demonstration license for ${license.maxSessions} sessions${until}.`,
    '',
    'Try it in this folder, from another terminal:',
    `  npx sessionctl status${flag}`,
    `  npx sessionctl hold 3${flag}`,
    `  npx sessionctl hold ${more}${flag}`,
    `  npx sessionctl reactivate --sessions ${license.maxSessions * 2}${flag}`,
    '',
    `The licensing server of this demonstration, with its manual-activation page: ${vendor.url}/`,
    `Ctrl-C stops it. Everything it keeps is in ${where === '' ? paths.folder : where}.`,
    '',
  ]
  for (const line of lines) terminal.say(line)
}
