import { lstatSync } from 'node:fs'
import type { License } from '../../license/document.ts'

/** How a license came into force. */
export type LicenseOrigin = 'license-file' | 'licensing-server' | 'rollback'

/** What the audit trail keeps of a license that came into force. */
export interface LicenseEvent {
  readonly what: 'license.accepted' | 'license.rolled-back'
  readonly before: LicenseTerms | null
  readonly after: LicenseTerms
  readonly detail: { readonly origin: LicenseOrigin; readonly fileOwnerUid?: number }
}

/** The terms of a license, as the audit trail and people compare them. */
export type LicenseTerms = ReturnType<typeof licenseTerms>

export function licenseTerms(license: License) {
  const { licenseId, installationId, generation, maxSessions, features, expiresAt, deactivated } = license
  return { licenseId, installationId, generation, maxSessions, features, expiresAt, deactivated }
}

export function acceptedEvent(
  origin: LicenseOrigin,
  before: License | null,
  after: License,
  file: string,
): LicenseEvent {
  const owner = origin === 'license-file' ? lstatSync(file, { throwIfNoEntry: false })?.uid : undefined
  return {
    what: origin === 'rollback' ? 'license.rolled-back' : 'license.accepted',
    before: before === null ? null : licenseTerms(before),
    after: licenseTerms(after),
    // The file may have been replaced since it was read, and root gives it away: a trace, not a proof.
    detail: { origin, ...(owner === undefined ? {} : { fileOwnerUid: owner }) },
  }
}
