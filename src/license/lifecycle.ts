import type { License } from './document.ts'
import { dayMs, sayInstant } from './instant.ts'

/** Shown by these names everywhere: wire, metrics, logs, commands. */
export const lifecycleStates = [
  'unlicensed',
  'active',
  'expiring',
  'grace',
  'expired',
  'reactivation-overdue',
  'deactivated',
  'machine-mismatch',
] as const
export type LifecycleState = (typeof lifecycleStates)[number]

export type LifecycleRefusal =
  | 'unlicensed'
  | 'license-expired'
  | 'license-deactivated'
  | 'reactivation-required'
  | 'machine-mismatch'

export interface LifecycleClock {
  /** License time (license-time.ts), milliseconds since the epoch. */
  now: number
  /** When the licensing server last answered this machine, if it did after the license was issued. */
  lastReactivationAt: number | null
}

export interface Lifecycle {
  state: LifecycleState
  /** Whether new sessions are admitted. Sessions already granted never depend on it. */
  admits: boolean
  /** Why not; null where they are. */
  refusal: LifecycleRefusal | null
  /** Last instant of the license; null where it is perpetual or there is none. */
  expiresAt: number | null
  /** Last instant of the grace after expiry. */
  graceEndsAt: number | null
  /** Last instant by which the machine must have reactivated; null where it need not. */
  reactivationDueAt: number | null
  /** Last instant at which new sessions are admitted if nothing changes; null: no end in sight, or already over. */
  admitsUntil: number | null
  /** Days until expiresAt, begun days counting whole; in grace, until graceEndsAt. Null where nothing runs out. */
  daysLeft: number | null
  /** 30, 14, 7 or 1 while `expiring`; else null. */
  expiringWithinDays: number | null
  message: string
  /** What to do, with the command; null where there is nothing to do. */
  hint: string | null
  /** The next instant at which another result can come out; null: never by time alone. */
  nextChangeAt: number | null
}

/** How long a license is good, for people: `until 2027-12-31 23:59:59 UTC, in grace until 2028-01-14 23:59:59 UTC`. */
export function sayValidity({ expiresAt, graceDays }: Pick<License, 'expiresAt' | 'graceDays'>): string {
  if (expiresAt === null) return 'without end'
  const end = Date.parse(expiresAt)
  const grace = graceDays === 0 ? 'without grace' : `in grace until ${sayInstant(end + graceDays * dayMs)}`
  return `until ${sayInstant(end)}, ${grace}`
}

/** An `expiring` license counts down in these steps. */
export const expiringSteps = [1, 7, 14, 30] as const

/**
 * What a license means at an instant. Pure: the same license at the same time is always in the same state.
 * `machine.matches` is false where the license in force turned out to be another machine's.
 */
export function lifecycleOf(
  license: License | null,
  clock: LifecycleClock,
  machine: { matches: boolean } = { matches: true },
): Lifecycle {
  if (license === null) return refusing('unlicensed', noLicense)
  const dates = datesOf(license, clock)
  if (license.deactivated) return { ...refusing('deactivated', movedAway(license)), ...shownDates(dates) }
  if (!machine.matches) return { ...refusing('machine-mismatch', otherMachine), ...shownDates(dates) }
  const phase = phaseOf(license, dates, clock.now)
  return { ...phase, ...shownDates(dates), ...runningOut(phase, dates, clock.now) }
}

/** The instants at which a license changes what it means; Infinity where it never does. */
interface Dates {
  notBefore: number
  expiresAt: number
  graceEndsAt: number
  reactivationDueAt: number
  reactivationGraceEndsAt: number
}

type Phase = Pick<Lifecycle, 'state' | 'admits' | 'refusal' | 'expiringWithinDays' | 'message' | 'hint'>

const reactivate = '`sessionctl reactivate`, or by hand `sessionctl activate --request-file request.jws`'

const noLicense = {
  refusal: 'unlicensed',
  message: 'No license is installed: no session is granted until this machine is activated.',
  hint: 'Activate it: `sessionctl activate`, or by hand `sessionctl activate --request-file request.jws` and then `sessionctl license install FILE`.',
} as const

const otherMachine = {
  refusal: 'machine-mismatch',
  message: 'The installed license is locked to another machine: no session is granted.',
  hint: `\`sessionctl fingerprint\` shows which part changed. Ask the vendor to move the license, then ${reactivate}.`,
} as const

function movedAway(license: License) {
  return {
    refusal: 'license-deactivated',
    message: `This installation (${license.installationId}) was deactivated: its sessions were moved to another machine.`,
    hint: 'To use this machine again, activate it with an installation key: `sessionctl activate`.',
  } as const
}

function refusing(
  state: LifecycleState,
  why: { refusal: LifecycleRefusal; message: string; hint: string },
): Lifecycle {
  const never = { admitsUntil: null, daysLeft: null, expiringWithinDays: null, nextChangeAt: null }
  const dates = { expiresAt: null, graceEndsAt: null, reactivationDueAt: null }
  return { state, admits: false, ...why, ...dates, ...never }
}

function datesOf(license: License, clock: LifecycleClock): Dates {
  const grace = license.graceDays * dayMs
  const expiresAt = license.expiresAt === null ? Infinity : Date.parse(license.expiresAt)
  const lastContactAt = Math.max(Date.parse(license.issuedAt), clock.lastReactivationAt ?? 0)
  const withinDays = license.reactivation.requiredWithinDays
  const reactivationDueAt = withinDays === null ? Infinity : lastContactAt + withinDays * dayMs
  return {
    notBefore: Date.parse(license.notBefore),
    expiresAt,
    graceEndsAt: expiresAt + grace,
    reactivationDueAt,
    reactivationGraceEndsAt: reactivationDueAt + grace,
  }
}

function shownDates(dates: Dates): Pick<Lifecycle, 'expiresAt' | 'graceEndsAt' | 'reactivationDueAt'> {
  const { expiresAt, graceEndsAt, reactivationDueAt } = dates
  return {
    expiresAt: finite(expiresAt),
    graceEndsAt: finite(graceEndsAt),
    reactivationDueAt: finite(reactivationDueAt),
  }
}

function finite(instant: number): number | null {
  return Number.isFinite(instant) ? instant : null
}

/** The first that holds. What stops calls comes before what only warns. */
function phaseOf(license: License, dates: Dates, now: number): Phase {
  if (now < dates.notBefore) return notYet(dates)
  if (now > dates.graceEndsAt) return expired(dates)
  if (now > dates.reactivationGraceEndsAt) return overdue(dates, false)
  if (now > dates.expiresAt) return inGrace(dates)
  if (now > dates.reactivationDueAt) return overdue(dates, true)
  const step = expiringSteps.find(days => dates.expiresAt - now <= days * dayMs)
  return step === undefined ? active(license, dates) : expiring(dates, now, step)
}

function phase(
  state: LifecycleState,
  message: string,
  hint: string | null,
  refusal: LifecycleRefusal | null,
): Phase {
  return { state, admits: refusal === null, refusal, expiringWithinDays: null, message, hint }
}

function notYet({ notBefore }: Dates): Phase {
  const message = `The installed license is valid from ${sayInstant(notBefore)}: no session is granted before.`
  return phase('unlicensed', message, "If that day has come, set this machine's clock.", 'unlicensed')
}

function expired({ expiresAt, graceEndsAt }: Dates): Phase {
  const message =
    `The license expired on ${sayInstant(expiresAt)} and its grace ended on ${sayInstant(graceEndsAt)}: ` +
    'no new session is granted.'
  return phase('expired', message, `Renew with the vendor, then ${reactivate}.`, 'license-expired')
}

function inGrace({ expiresAt, graceEndsAt }: Dates): Phase {
  const message =
    `The license expired on ${sayInstant(expiresAt)}. Sessions are still granted, in grace, ` +
    `until ${sayInstant(graceEndsAt)}.`
  return phase('grace', message, `Renew with the vendor, then ${reactivate}.`, null)
}

function overdue({ reactivationDueAt, reactivationGraceEndsAt }: Dates, admits: boolean): Phase {
  const since = `Reactivation was due by ${sayInstant(reactivationDueAt)}`
  const message = admits
    ? `${since}. Sessions are still granted, in grace, until ${sayInstant(reactivationGraceEndsAt)}.`
    : `${since} and its grace ended on ${sayInstant(reactivationGraceEndsAt)}: no new session is granted.`
  return phase(
    'reactivation-overdue',
    message,
    `Reactivate: ${reactivate}.`,
    admits ? null : 'reactivation-required',
  )
}

function active(license: License, { expiresAt, graceEndsAt }: Dates): Phase {
  if (license.expiresAt === null)
    return phase('active', 'The license is active and does not expire.', null, null)
  const message = `The license is active until ${sayInstant(expiresAt)}; its grace ends on ${sayInstant(graceEndsAt)}.`
  return phase('active', message, null, null)
}

function expiring({ expiresAt, graceEndsAt }: Dates, now: number, step: number): Phase {
  const days = Math.ceil((expiresAt - now) / dayMs)
  const message =
    `The license expires on ${sayInstant(expiresAt)}, in ${days <= 1 ? 'less than a day' : `${days} days`}; ` +
    `its grace ends on ${sayInstant(graceEndsAt)}.`
  const hint = `Renew with the vendor, then ${reactivate}.`
  return { ...phase('expiring', message, hint, null), expiringWithinDays: step }
}

/** What lies ahead of `now` in the dates of a license. */
function runningOut(
  { state, admits }: Phase,
  dates: Dates,
  now: number,
): Pick<Lifecycle, 'admitsUntil' | 'daysLeft' | 'nextChangeAt'> {
  const end = state === 'grace' ? dates.graceEndsAt : dates.expiresAt
  const lastInstants = [
    dates.expiresAt,
    dates.graceEndsAt,
    dates.reactivationDueAt,
    dates.reactivationGraceEndsAt,
  ]
  const firstInstants = expiringSteps.map(days => dates.expiresAt - days * dayMs)
  const changes = [dates.notBefore, ...firstInstants, ...lastInstants.map(last => last + 1)]
  const ahead = changes.filter(instant => instant > now)
  return {
    admitsUntil: admits ? finite(Math.min(dates.graceEndsAt, dates.reactivationGraceEndsAt)) : null,
    daysLeft: Number.isFinite(end) ? Math.max(0, Math.ceil((end - now) / dayMs)) : null,
    nextChangeAt: finite(Math.min(...ahead)),
  }
}
