import { exitCode } from '../exit-codes.ts'
import { interruptible } from '../interruption.ts'
import { defineCommand } from '../program.ts'
import { findConfig, withDaemonFlags } from './find-daemon.ts'
import { tellFollowed } from './follow-daemon.ts'
import { licensedOf, withProductFlags } from './licensed-product.ts'
import { tellOutcome } from './outcome-view.ts'
import { withOwnLicense } from './own-license.ts'
import { licensingServerOf, withServerFlag } from './server-flag.ts'
import { sessionsOf, sessionsOption } from './sessions-option.ts'

export const reactivate = defineCommand({
  command: 'reactivate',
  describe: 'Fetch the latest terms of the license, once; a running daemon takes them by itself',
  builder: argv =>
    withProductFlags(withServerFlag(withDaemonFlags(argv)))
      .option('sessions', sessionsOption)
      .option('if-due', {
        type: 'boolean',
        default: false,
        describe: 'Only where the license says that it is time; for a timer that comes often',
      })
      .option('json', { type: 'boolean', default: false, describe: 'Print JSON' }),
  async run(args, terminal) {
    const { config } = findConfig(args, terminal)
    const licensed = licensedOf(args, config, terminal)
    const sessions = sessionsOf(args)
    if (args.ifDue && args.server === undefined && config.licensingServer.url === null) {
      terminal.say('No licensing server is configured: licenses come by hand.')
      return exitCode.ok
    }
    const server = licensingServerOf(args, config, terminal)
    const asked = await withOwnLicense(config, licensed, terminal, async ({ keeper, exchange, isDue }) => {
      if (args.ifDue && !isDue()) return null
      const before = keeper.license ?? keeper.identity
      const outcome = await interruptible(signal => exchange.reactivate(server, { sessions, signal }))
      return { outcome, before }
    })
    if (asked === null) {
      terminal.say('No reactivation is due.')
      return exitCode.ok
    }
    const { outcome, before } = asked
    const code = tellOutcome(outcome, before, licensed.file, args.json, terminal)
    // A timer does not wait for the daemon, and need not be allowed to ask it.
    if (outcome.kind !== 'refreshed' || licensed.product !== 'call-services' || args.ifDue) return code
    await tellFollowed(args, config, licensed.file, outcome.license, terminal)
    return code
  },
})
