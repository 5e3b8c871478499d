import type { Argv } from 'yargs'
import { Fault } from '../../errors.ts'
import { endOfDay } from '../../licensing-server/issue-license.ts'
import type { PoolTerms } from '../../licensing-server/ledger/model.ts'

/** What a license grants besides its number, as options: for a new pool, and to change one. */
export interface TermsArgs {
  versions: string | undefined
  expires: string | undefined
  graceDays: number | undefined
  feature: string[] | undefined
  reactivateHours: number | undefined
  requiredWithinDays: string | undefined
  overdraft: string | undefined
  offlineAdmission: string | undefined
  reservations: boolean | undefined
  emergency: boolean | undefined
}

export function withTerms<T>(argv: Argv<T>): Argv<T & TermsArgs> {
  return argv
    .option('versions', {
      type: 'string',
      requiresArg: true,
      describe: 'Versions of the product, such as 5.0..5.x',
    })
    .option('expires', {
      type: 'string',
      requiresArg: true,
      describe: 'Last day, YYYY-MM-DD (its end in UTC), or never',
    })
    .option('grace-days', {
      type: 'number',
      requiresArg: true,
      describe: 'Days in which calls still pass after expiry, and after a missed reactivation',
    })
    .option('feature', {
      type: 'string',
      array: true,
      requiresArg: true,
      describe: 'A licensed feature; may be repeated. "" for none',
    })
    .option('reactivate-hours', {
      type: 'number',
      requiresArg: true,
      describe: 'Machines reactivate about so often',
    })
    .option('required-within-days', {
      type: 'string',
      requiresArg: true,
      describe: 'A machine must have reactivated within so many days, or never',
    })
    .option('overdraft', {
      type: 'string',
      requiresArg: true,
      describe: 'Sessions above the limit, and minutes: 10/60, or none',
    })
    .option('offline-admission', {
      type: 'string',
      requiresArg: true,
      describe: 'Calls that clients may admit without the daemon, and seconds: 5/300, or none',
    })
    .option('reservations', { type: 'boolean', describe: 'Whether sessions may be reserved' })
    .option('emergency', {
      type: 'boolean',
      describe: 'Whether there is an emergency class',
    }) as unknown as Argv<T & TermsArgs>
}

/** The terms that were given; those that were not are absent. A Fault `usage` where one cannot be read. */
export function termsOf(args: TermsArgs): Partial<PoolTerms> {
  const terms: Partial<PoolTerms> = {}
  if (args.versions !== undefined) terms.versions = versionsOf(args.versions)
  if (args.expires !== undefined) terms.expiresAt = args.expires === 'never' ? null : endOfDay(args.expires)
  if (args.graceDays !== undefined) terms.graceDays = args.graceDays
  if (args.feature !== undefined) terms.features = args.feature.filter(feature => feature !== '')
  if (args.overdraft !== undefined) {
    const pair = pairOf('--overdraft', args.overdraft)
    terms.overdraft = pair === null ? null : { sessions: pair[0], minutes: pair[1] }
  }
  if (args.offlineAdmission !== undefined) {
    const pair = pairOf('--offline-admission', args.offlineAdmission)
    terms.offlineAdmission = pair === null ? null : { calls: pair[0], seconds: pair[1] }
  }
  if (args.reservations !== undefined) terms.reservationsAllowed = args.reservations
  if (args.emergency !== undefined) terms.emergencyClass = args.emergency
  return terms
}

/** Both parts of the reactivation terms are one value in a license: what is not given stays as `before`. */
export function reactivationOf(
  args: TermsArgs,
  before: PoolTerms['reactivation'],
): PoolTerms['reactivation'] {
  const { reactivateHours, requiredWithinDays } = args
  return {
    intervalHours: reactivateHours ?? before.intervalHours,
    requiredWithinDays:
      requiredWithinDays === undefined ? before.requiredWithinDays : daysOf(requiredWithinDays),
  }
}

function daysOf(text: string): number | null {
  if (text === 'never') return null
  if (/^\d+$/.test(text)) return Number(text)
  throw usage(`--required-within-days ${text} is no number of days.`, 'Write 30, or never.')
}

function versionsOf(text: string): PoolTerms['versions'] {
  const [from = '', to = from, ...rest] = text.split('..')
  if (rest.length === 0 && from !== '') return { from, to }
  throw usage(`--versions ${text} is no range of versions.`, 'Write 5.0..5.x.')
}

function pairOf(option: string, text: string): [number, number] | null {
  if (text === 'none') return null
  const [, first, second] = /^(\d+)\/(\d+)$/.exec(text) ?? []
  if (first !== undefined && second !== undefined) return [Number(first), Number(second)]
  throw usage(`${option} ${text} cannot be read.`, 'Write two numbers, such as 10/60, or none.')
}

function usage(message: string, hint: string): Fault {
  return new Fault('usage', message, { hint })
}
