import { readFileSync, statSync } from 'node:fs'
import { systemClocks } from '../../../daemon/clocks.ts'
import type { Config } from '../../../daemon/config/schema.ts'
import { stateFileOf } from '../../../daemon/databases.ts'
import { LicenseTimekeeper } from '../../../daemon/license/license-time.ts'
import { readTrust, trustSourcesOf } from '../../../daemon/license/trust.ts'
import { sayInstant } from '../../../license/instant.ts'
import { verifyLicense } from '../../../license/verify.ts'
import { isThere } from '../../../who-may.ts'
import { counted } from '../../counted.ts'
import type { Terminal } from '../../terminal.ts'
import { verifyContext } from '../license-context.ts'
import { withState } from '../read-state.ts'
import { type Finding, failed, finding, ok, skipped, warning } from './finding.ts'

/** License time runs at most this far from an honest clock. */
const CLOCK_TOLERANCE_MS = 600_000

/** What license, roots and state are, whether a daemon runs or not. */
export function licenseChecks(config: Config, terminal: Terminal): Promise<Finding>[] {
  return [
    finding('trust', () => trustFinding(config)),
    finding('license-file', () => fileFinding(config)),
    finding('clock', () => clockFinding(config, terminal)),
    finding('audit', () => auditFinding(config, terminal)),
  ]
}

async function trustFinding(config: Config): Promise<Finding> {
  const { trustedRoots, damagedLists } = await readTrust(trustSourcesOf(config))
  const [damaged] = damagedLists
  if (damaged !== undefined) {
    return failed(
      'trust',
      `The revocation list ${damaged.path} is damaged: ${damaged.why}`,
      'sessionctl reactivate',
    )
  }
  const ended = trustedRoots.filter(({ validTo }) => Date.parse(validTo) < Date.now())
  if (ended.length > 0) {
    return warning(
      'trust',
      `${ended.length} of ${counted(trustedRoots.length, 'root')} ${ended.length === 1 ? 'is' : 'are'} not valid any more.`,
      'Ask the vendor for its new root',
    )
  }
  const roots = counted(trustedRoots.length, 'root is', 'roots are')
  return ok('trust', `${roots} trusted.`)
}

async function fileFinding(config: Config): Promise<Finding> {
  const { file } = config.license
  if (!isThere(file)) {
    const mend =
      'sudo sessionctl activate --key-file installation.key, or: sudo sessionctl license install FILE'
    return failed('license-file', `There is no license ${file}.`, mend)
  }
  if ((statSync(file).mode & 0o002) !== 0) {
    return failed('license-file', `Everybody may change ${file}.`, `sudo chmod 0640 ${file}`)
  }
  const verdict = await verifyLicense(readFileSync(file), await verifyContext(config, { anyMachine: false }))
  if (!verdict.ok) return failed('license-file', verdict.problem.message, verdict.problem.hint)
  return ok('license-file', `${file} is valid: ${counted(verdict.license.maxSessions, 'session')}.`)
}

function clockFinding(config: Config, terminal: Terminal): Finding {
  if (!isThere(stateFileOf(config.stateDirectory))) return skipped('clock', 'There is no license time yet.')
  const licenseTime = withState(config, terminal, state => {
    const kept = { read: (name: string) => state.read(name), write: () => undefined }
    return new LicenseTimekeeper(kept, systemClocks).now()
  })
  const behindMs = licenseTime - Date.now()
  if (behindMs <= CLOCK_TOLERANCE_MS) return ok('clock', 'The clock agrees with license time.')
  const message = `The clock is behind license time, which is ${sayInstant(licenseTime)}.`
  return warning(
    'clock',
    message,
    'sudo timedatectl set-ntp true; if license time is wrong: sessionctl reactivate',
  )
}

function auditFinding(config: Config, terminal: Terminal): Finding {
  if (!isThere(stateFileOf(config.stateDirectory))) return skipped('audit', 'There is no audit trail yet.')
  const report = withState(config, terminal, state => state.audit(trail => trail.verify()))
  if (report.ok) return ok('audit', `The audit trail is intact: ${counted(report.events, 'event')}.`)
  return failed(
    'audit',
    `The audit trail is broken: ${report.why}.`,
    'sessionctl audit --verify; see docs/audit.md',
  )
}
