import { readFileSync } from 'node:fs'
import type { Config } from '../../daemon/config/schema.ts'
import { readTrust, trustSourcesOf } from '../../daemon/license/trust.ts'
import { Fault, messageOf } from '../../errors.ts'
import { type AuthenticationContext, authenticateLicense, type VerifyContext } from '../../license/verify.ts'
import { notPermitted } from '../../who-may.ts'
import { readThisMachine } from './this-machine.ts'

/** What a license is held against, as the configuration and this machine say. */
export async function authenticationContext(
  config: Config,
  options: { anyMachine: boolean },
): Promise<AuthenticationContext> {
  const trust = await readTrust(trustSourcesOf(config))
  const base = { ...trust, product: 'call-services', version: config.product.version } as const
  if (options.anyMachine) return { ...base, fingerprint: 'not-compared', machineJkt: 'not-compared' }
  const { fingerprint, jkt } = await readThisMachine(config)
  // Without the right to read the key nothing can be said about it; a check that leaves it out would say yes.
  if (jkt instanceof Fault) throw jkt
  return { ...base, fingerprint, machineJkt: jkt }
}

/** As `authenticationContext`, with the time and the license that is in force here. */
export async function verifyContext(
  config: Config,
  options: { anyMachine: boolean },
): Promise<VerifyContext> {
  const context = await authenticationContext(config, options)
  const current = readLicenseFile(config.license.file)
  const verdict = current === null ? null : await authenticateLicense(current, context)
  const inForce = verdict?.ok ? verdict.license : undefined
  return { ...context, now: Date.now(), inForce }
}

/** The license that is installed, or null where there is none. */
export function readLicenseFile(file: string): Uint8Array | null {
  try {
    return readFileSync(file)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return null
    if (code === 'EACCES') throw notPermitted(file, 'read', error)
    throw new Fault('license-not-readable', `The license ${file} cannot be read: ${messageOf(error)}`, {
      hint: 'Use sudo, or ask the daemon: sessionctl license show',
      cause: error,
    })
  }
}
