import { type License, licenseMaxBytes, licenseType, readLicensePayload } from './document.ts'
import { parseJws } from './jws.ts'
import { type Lifecycle, type LifecycleClock, lifecycleOf } from './lifecycle.ts'
import type { LicenseProblem } from './problems.ts'
import { type AuthenticationContext, authenticateLicense } from './verify.ts'

/** What the license that lies in the store means now. */
export interface LicenseInForce {
  /** Null where nothing in the store can be believed. */
  license: License | null
  lifecycle: Lifecycle
  /** Why the stored license is not in force, or is in force for another machine; else null. */
  problem: LicenseProblem | null
}

/**
 * Judges the license that was put in force before, at start and when the machine, the roots or the
 * revocation list may have changed. `text` is null where the store is empty. Keep the license and call
 * `lifecycleOf` again as time passes (at `nextChangeAt`): that needs no verification.
 */
export async function judgeLicenseInForce(
  text: string | Uint8Array | null,
  context: AuthenticationContext,
  clock: LifecycleClock,
): Promise<LicenseInForce> {
  if (text === null) return { license: null, lifecycle: lifecycleOf(null, clock), problem: null }
  const verdict = await authenticateLicense(text, context)
  if (verdict.ok)
    return { license: verdict.license, lifecycle: lifecycleOf(verdict.license, clock), problem: null }
  const { problem } = verdict
  if (verdict.license !== undefined && isMismatch(problem)) {
    const lifecycle = lifecycleOf(verdict.license, clock, { matches: false })
    return { license: verdict.license, lifecycle, problem }
  }
  // The license is nobody's to believe: say what is wrong with it instead of that there is none.
  const lifecycle = { ...lifecycleOf(null, clock), message: problem.message, hint: problem.hint }
  return { license: null, lifecycle, problem }
}

function isMismatch(problem: LicenseProblem): boolean {
  return problem.code === 'license-other-machine' || problem.code === 'license-other-machine-key'
}

/** Which license of which installation. */
export type LicenseIdentity = Pick<License, 'installationId' | 'generation'>

/**
 * Which license a text of the store is, also where it cannot be believed any more (a root that was taken away, a
 * revoked certificate). It was found good when it was stored, so its generation still rules out older ones.
 */
export function identityOfStored(text: string): LicenseIdentity | null {
  const jws = parseJws(text, {
    type: licenseType,
    algorithm: 'PS256',
    parameters: ['alg', 'typ', 'x5c'],
    maxBytes: licenseMaxBytes,
  })
  const reading = jws.ok ? readLicensePayload(jws.payload) : null
  if (reading === null || !reading.ok) return null
  const { installationId, generation } = reading.license
  return { installationId, generation }
}

/**
 * The newest generation that was ever in force of the installation that `text` says it is of. It rules out older ones
 * also after a license of another installation was in force: the licensing server has replaced them, and the claim may
 * have been moved to another machine since.
 */
export function newestOfSameInstallation(text: string, stored: readonly string[]): LicenseIdentity | null {
  const claimed = identityOfStored(text)
  const same = stored
    .map(identityOfStored)
    .filter(one => one !== null && one.installationId === claimed?.installationId)
  if (claimed === null || same.length === 0) return null
  const generation = Math.max(...same.map(one => one!.generation))
  return { installationId: claimed.installationId, generation }
}
