import { randomUUID } from 'node:crypto'
import { Fault } from '../errors.ts'
import { type License, licenseSchemaVersion } from '../license/document.ts'
import { formatInstant, parseInstant } from '../license/instant.ts'
import { type MachineRequest, verifyMachineRequest } from '../license/machine-request.ts'
import { versionInRange } from '../license/version-range.ts'
import type { Issuer } from './authority-files.ts'
import { signLicense } from './sign-license.ts'

/** What the vendor grants. The machine's side (who it is, which generation) comes from its request. */
export interface LicenseTerms
  extends Pick<
    License,
    | 'customer'
    | 'versions'
    | 'maxSessions'
    | 'seats'
    | 'features'
    | 'graceDays'
    | 'reactivation'
    | 'overdraft'
    | 'reservationsAllowed'
    | 'offlineAdmission'
    | 'emergencyClass'
  > {
  product: License['product']
  /** First instant, milliseconds since the epoch; null: at once. */
  notBefore: number | null
  /** The last day, `2027-12-31`, through its end in UTC; null: perpetual. */
  expiresOn: string | null
  deactivated?: boolean
  demonstration?: boolean
}

/** Terms that hold where the vendor says nothing else. Give product-dependent ones: maxSessions or seats. */
export const defaultTerms = {
  product: 'call-services',
  versions: { from: '0', to: '999999' },
  maxSessions: 0,
  seats: 0,
  features: [],
  notBefore: null,
  expiresOn: null,
  graceDays: 14,
  reactivation: { intervalHours: 24, requiredWithinDays: null },
  overdraft: null,
  reservationsAllowed: true,
  offlineAdmission: null,
  emergencyClass: true,
} as const satisfies Omit<LicenseTerms, 'customer'>

export interface IssueProblem {
  /** Of the request itself (request-problems.ts), or one of `request-other-product`, `request-other-version`, `request-without-fingerprint`. */
  code: string
  message: string
  hint: string
}

export type IssueResult =
  | { ok: true; text: string; license: License; request: MachineRequest }
  | { ok: false; problem: IssueProblem }

/**
 * Signs a license on `terms` for the machine that made the request, without a ledger: nobody counts what
 * was given out. For single machines and demonstrations; pools are the ledger's matter.
 */
export async function issueLicense(
  requestText: string | Uint8Array,
  terms: LicenseTerms,
  issuer: Issuer,
  now: number,
): Promise<IssueResult> {
  const verdict = await verifyMachineRequest(requestText, now)
  if (!verdict.ok) return verdict
  const { request, jkt } = verdict
  const problem = findMisfit(request, terms)
  if (problem !== null) return { ok: false, problem }
  const license = composeLicense(request, jkt, terms, now)
  return { ok: true, text: await signLicense(license, issuer), license, request }
}

function findMisfit(request: MachineRequest, terms: LicenseTerms): IssueProblem | null {
  if (request.product !== terms.product) {
    return {
      code: 'request-other-product',
      message: `The request is for ${request.product}, the terms are for ${terms.product}.`,
      hint: `Issue with terms for ${request.product}.`,
    }
  }
  if (!versionInRange(request.version, terms.versions)) {
    const { from, to } = terms.versions
    return {
      code: 'request-other-version',
      message: `The machine runs version ${request.version}, the terms cover ${from} to ${to}.`,
      hint: 'Issue with a version range that holds the version of the machine.',
    }
  }
  if (request.fingerprint === null && terms.demonstration !== true) {
    return {
      code: 'request-without-fingerprint',
      message: `The machine ${request.hostname} gave no fingerprint: a license could not be locked to it.`,
      hint: 'Give the machine a machine-id with `sudo systemd-machine-id-setup` and make the request again.',
    }
  }
  return null
}

/** The license for a verified request. `jkt`: thumbprint of the key that signed the request. */
export function composeLicense(
  request: MachineRequest,
  jkt: string,
  terms: LicenseTerms,
  now: number,
): License {
  const { notBefore, expiresOn, demonstration, deactivated, ...granted } = terms
  return {
    schema: licenseSchemaVersion,
    licenseId: randomUUID(),
    installationId: request.installationId ?? randomUUID(),
    generation: request.generation + 1,
    requestId: request.requestId,
    ...granted,
    features: [...granted.features],
    issuedAt: formatInstant(now),
    notBefore: formatInstant(notBefore ?? now),
    expiresAt: expiresOn === null ? null : endOfDay(expiresOn),
    fingerprint: request.fingerprint,
    cnf: { jkt },
    deactivated: deactivated ?? false,
    ...(demonstration === true ? { demonstration } : {}),
  }
}

/** The last second of a day in UTC: a license is good through the day that it names. */
export function endOfDay(day: string): string {
  const end = `${day}T23:59:59Z`
  if (parseInstant(end) !== null) return end
  throw new Fault('license-terms-invalid', `"${day}" is no day of the calendar.`, {
    hint: 'Write the day as 2027-12-31.',
  })
}
