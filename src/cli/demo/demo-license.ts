import type { Clocks } from '../../daemon/clocks.ts'
import type { Config } from '../../daemon/config/schema.ts'
import { troubleOf } from '../../daemon/reactivation/exchange.ts'
import { connectLicensingServer } from '../../daemon/reactivation/licensing-server.ts'
import { Fault } from '../../errors.ts'
import type { License } from '../../license/document.ts'
import { interruptible } from '../interruption.ts'
import { withOwnLicense } from '../sessionctl/own-license.ts'
import type { Terminal } from '../terminal.ts'
import type { DemoVendor } from './demo-vendor.ts'

export interface DemoLicenseOptions {
  config: Config
  vendor: DemoVendor
  sessions: number
  clocks: Clocks
  terminal: Terminal
}

/**
 * The license that the demonstration runs on: the one of before while it is good and large enough, else one that
 * is claimed from the vendor's licensing server as any machine claims its own.
 */
export function provideDemoLicense(options: DemoLicenseOptions): Promise<License> {
  const { config, vendor, sessions, clocks, terminal } = options
  const licensed = {
    product: 'call-services',
    version: config.product.version,
    file: config.license.file,
  } as const
  const act = async ({ keeper, exchange }: Parameters<Parameters<typeof withOwnLicense>[3]>[0]) => {
    const { license, lifecycle } = keeper
    const isGood = lifecycle.state === 'active' || lifecycle.state === 'expiring'
    const isKnown = license !== null && (await vendor.knows(license.installationId))
    if (license !== null && isGood && isKnown && license.maxSessions >= sessions) return license
    // A claim is never lowered.
    const owned = isKnown ? license.maxSessions : 0
    const wanted = Math.max(sessions, owned)
    const installationKey = await vendor.offer(wanted)
    const server = connectLicensingServer(() => ({
      url: vendor.url,
      caFile: null,
      timeoutMs: config.licensingServer.timeoutMs,
      environment: {},
    }))
    const outcome = await interruptible(signal =>
      exchange.activate(server, installationKey, { sessions: wanted, signal }),
    )
    if (outcome.kind === 'refreshed') return outcome.license
    const { message, hint } = troubleOf(outcome)
    throw new Fault('demo-not-activated', `The demonstration gets no license: ${message}`, {
      hint: hint ?? 'Begin another one: npx sessiond demo --dir FOLDER',
    })
  }
  return withOwnLicense(config, licensed, terminal, act, clocks)
}
