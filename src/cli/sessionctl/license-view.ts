import { nameOf } from '../../license/chain.ts'
import type { License } from '../../license/document.ts'
import { dayMs, sayInstant } from '../../license/instant.ts'
import { type Lifecycle, lifecycleOf } from '../../license/lifecycle.ts'
import type { LicenseVerdict } from '../../license/verify.ts'
import type { ResultOf } from '../../protocol/schemas.ts'
import type { Terminal } from '../terminal.ts'
import { stateStyles } from './status-view.ts'

function sayDate(iso: string | null): string {
  return iso === null ? 'never' : sayInstant(Date.parse(iso))
}

function field(name: string, value: string): string {
  return `${name.padEnd(14)}${value}`
}

/** The license in force, as the daemon tells it. */
export function inForceLines(license: ResultOf<'license.get'>, terminal: Terminal): string[] {
  const mark = license.demonstration ? terminal.style('yellow', ' (demonstration)') : ''
  const lines = [field('State', `${terminal.style(stateStyles[license.state], license.state)}${mark}`)]
  lines.push(field('', license.message))
  if (license.hint !== null) lines.push(field('', `→ ${license.hint}`))
  if (license.licenseId !== null) {
    lines.push(
      field('Customer', license.customer ?? '-'),
      field('Product', license.product ?? '-'),
      field('Sessions', String(license.limit)),
      field('Features', license.features.join(', ') || 'none'),
      field('Issued', sayDate(license.issuedAt)),
      field('Expires', sayDate(license.expiresAt)),
      field('Grace ends', sayDate(license.graceEndsAt)),
      ...(license.reactivationDueAt === null
        ? []
        : [field('Refresh by', sayDate(license.reactivationDueAt))]),
      field('Installation', `${license.installationId}, generation ${license.generation}`),
      field('License', license.licenseId),
    )
  }
  const { rejected } = license
  if (rejected !== null) {
    lines.push(
      field(
        'Rejected',
        terminal.style('red', `${rejected.message} (${rejected.code}, ${sayDate(rejected.at)})`),
      ),
    )
    if (rejected.hint !== null) lines.push(field('', `→ ${rejected.hint}`))
  }
  return lines
}

/** A license file and what was found out about it. Fields that nothing vouches for are not shown. */
export function verdictLines(verdict: LicenseVerdict, now: number, terminal: Terminal): string[] {
  const mark = verdict.license?.demonstration === true ? terminal.style('yellow', ' (demonstration)') : ''
  const word = verdict.ok ? terminal.style('green', 'valid') : terminal.style('red', 'invalid')
  const lines = [field('Verdict', `${word}${mark}`)]
  if (!verdict.ok) {
    const { code, message, hint } = verdict.problem
    lines.push(field('', `${message} (${code})`), field('', `→ ${hint}`))
  }
  const lifecycle = lifecycleOfVerdict(verdict, now)
  if (lifecycle !== null) {
    const { state, message } = lifecycle
    // What is wrong with a file that is invalid has been said.
    lines.push(
      field('State', `${terminal.style(stateStyles[state], state)}${verdict.ok ? `: ${message}` : ''}`),
    )
  }
  if (verdict.license !== undefined) lines.push(...documentLines(verdict.license))
  if (verdict.ok) {
    const match = verdict.fingerprintMatch
    lines.push(field('Machine', match === null ? 'not compared' : match.explanation))
    lines.push(field('Issuer', nameOf(verdict.issuer)))
  }
  return lines
}

/** Problems that are a state of the license, and none of the file. */
const machineProblems: readonly string[] = ['license-other-machine', 'license-other-machine-key']
const timeProblems: readonly string[] = ['license-expired', 'license-not-yet-valid']

/** In which state of its life the license of a file would be here; null where it would come into none. */
function lifecycleOfVerdict(verdict: LicenseVerdict, now: number): Lifecycle | null {
  const { license } = verdict
  if (license === undefined) return null
  const clock = { now: Math.max(now, Date.parse(license.issuedAt)), lastReactivationAt: null }
  if (verdict.ok) return lifecycleOf(license, clock)
  const { code } = verdict.problem
  if (machineProblems.includes(code)) return lifecycleOf(license, clock, { matches: false })
  return timeProblems.includes(code) ? lifecycleOf(license, clock) : null
}

function documentLines(license: License): string[] {
  const { reactivation, overdraft, offlineAdmission, expiresAt, graceDays } = license
  const graceEndsAt = expiresAt === null ? 'never' : sayInstant(Date.parse(expiresAt) + graceDays * dayMs)
  const within = reactivation.requiredWithinDays
  return [
    field('Customer', `${license.customer.name} (${license.customer.id})`),
    field('Product', `${license.product}, versions ${license.versions.from} to ${license.versions.to}`),
    field('Sessions', license.deactivated ? 'none: deactivated' : String(license.maxSessions)),
    field('Features', license.features.join(', ') || 'none'),
    field('Issued', sayDate(license.issuedAt)),
    field('Valid from', sayDate(license.notBefore)),
    field('Expires', sayDate(expiresAt)),
    field('Grace ends', graceEndsAt),
    field(
      'Reactivation',
      `every ${reactivation.intervalHours} h${within === null ? '' : `, required within ${within} days`}`,
    ),
    field(
      'Overdraft',
      overdraft === null ? 'none' : `${overdraft.sessions} sessions for ${overdraft.minutes} minutes`,
    ),
    field(
      'Offline',
      offlineAdmission === null
        ? 'none'
        : `${offlineAdmission.calls} calls within ${offlineAdmission.seconds} s`,
    ),
    field('Emergency', license.emergencyClass ? 'emergency calls always pass' : 'no emergency class'),
    field('Installation', `${license.installationId}, generation ${license.generation}`),
    field('License', license.licenseId),
  ]
}

/** The verdict for programs. */
export function verdictJson(file: string, verdict: LicenseVerdict, now: number): object {
  return {
    file,
    valid: verdict.ok,
    problem: verdict.ok ? null : verdict.problem,
    state: lifecycleOfVerdict(verdict, now)?.state ?? null,
    license: verdict.license ?? null,
    fingerprintMatch: verdict.ok ? verdict.fingerprintMatch : null,
    issuer: verdict.ok ? { name: nameOf(verdict.issuer), serialNumber: verdict.issuer.serialNumber } : null,
  }
}
