import { setTimeout as delay } from 'node:timers/promises'
import type { Config } from '../../daemon/config/schema.ts'
import { Fault } from '../../errors.ts'
import type { LicenseProblem } from '../../license/problems.ts'
import { verifyLicense } from '../../license/verify.ts'
import type { ResultOf } from '../../protocol/schemas.ts'
import { writeFileAtomically } from '../files.ts'
import { askDaemon } from './ask-daemon.ts'
import { verifyContext } from './license-context.ts'

const PATIENCE_MS = 5000
const POLL_MS = 100

/** What became of a license that was to be installed. */
export type InstallOutcome =
  | { outcome: 'refused'; problem: LicenseProblem }
  | { outcome: 'in-force'; file: string; limit: number; message: string }
  | { outcome: 'rejected'; file: string; problem: { code: string; message: string; hint: string | null } }
  | { outcome: 'not-running'; file: string }
  | { outcome: 'not-seen'; file: string }

/**
 * Verifies a license as the daemon would, writes it where the daemon looks for it, and waits until the
 * daemon has taken it. A bad one is not written, so the one that is there stays.
 */
export async function installLicense(
  bytes: Uint8Array,
  config: Config,
  socket: string,
): Promise<InstallOutcome> {
  const verdict = await verifyLicense(bytes, await verifyContext(config, { anyMachine: false }))
  if (!verdict.ok) return { outcome: 'refused', problem: verdict.problem }
  const { file } = config.license
  writeFileAtomically(file, bytes, { mode: 0o640 })
  return followDaemon(socket, file, verdict.license.licenseId)
}

/** Waits until the daemon has taken a license that was written for it. */
export async function followDaemon(socket: string, file: string, licenseId: string): Promise<InstallOutcome> {
  const writtenAt = Date.now()
  const deadline = performance.now() + PATIENCE_MS
  try {
    return await askDaemon(socket, async client => {
      for (;;) {
        const outcome = outcomeOf(await client.license(), file, licenseId, writtenAt)
        if (outcome !== null) return outcome
        if (performance.now() > deadline) return { outcome: 'not-seen', file }
        await delay(POLL_MS)
      }
    })
  } catch (error) {
    if (error instanceof Fault && error.code === 'daemon-not-running') return { outcome: 'not-running', file }
    throw error
  }
}

/** Null while the daemon has not looked at the file yet. */
function outcomeOf(
  license: ResultOf<'license.get'>,
  file: string,
  licenseId: string,
  writtenAt: number,
): InstallOutcome | null {
  if (license.licenseId === licenseId) {
    return { outcome: 'in-force', file, limit: license.limit, message: license.message }
  }
  const { rejected } = license
  // `at` may have whole seconds only; a rejection from before belongs to another file.
  if (rejected === null || Date.parse(rejected.at) < writtenAt - 1000) return null
  return {
    outcome: 'rejected',
    file,
    problem: { code: rejected.code, message: rejected.message, hint: rejected.hint },
  }
}
