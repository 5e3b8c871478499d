import type { Config } from '../../daemon/config/schema.ts'
import { stateFileOf } from '../../daemon/databases.ts'
import type { Licensed } from '../../daemon/license/license-keeper.ts'
import { readTrust, trustSourcesOf } from '../../daemon/license/trust.ts'
import { Fault } from '../../errors.ts'
import { isThere } from '../../who-may.ts'
import { exitCode } from '../exit-codes.ts'
import { interruptible } from '../interruption.ts'
import { defineCommand } from '../program.ts'
import type { Terminal } from '../terminal.ts'
import { findConfig, withDaemonFlags } from './find-daemon.ts'
import { tellFollowed } from './follow-daemon.ts'
import { licensedOf, withProductFlags } from './licensed-product.ts'
import { tellOutcome } from './outcome-view.ts'
import { archiveOf, withOwnLicense } from './own-license.ts'
import { withState } from './read-state.ts'
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
    if (args.ifDue && (await isBeforeActivation(config, licensed, terminal))) {
      terminal.say(
        'Nothing to refresh yet: this machine has no license, and no root that one could be believed by.',
      )
      return exitCode.ok
    }
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

/**
 * A timer comes from the installation on, before anybody has put a root there: then there is nothing to refresh. Once
 * a license was in force, roots that are missing are a fault.
 */
async function isBeforeActivation(
  config: Config,
  { product, file }: Licensed,
  terminal: Terminal,
): Promise<boolean> {
  if (isThere(file) || (await hasRoots(config))) return false
  if (!isThere(stateFileOf(config.stateDirectory))) return true
  return withState(config, terminal, state => archiveOf(state, product).latestLicense() === null)
}

async function hasRoots(config: Config): Promise<boolean> {
  try {
    return (await readTrust(trustSourcesOf(config))).trustedRoots.length > 0
  } catch (error) {
    if (error instanceof Fault && error.code === 'trust-empty') return false
    throw error
  }
}
