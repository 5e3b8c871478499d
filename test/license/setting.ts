import type { KeyObject } from 'node:crypto'
import { type CompactJWSHeaderParameters, CompactSign } from 'jose'
import type { License } from '../../src/license/document.ts'
import { fingerprintOf, type MachineFacts } from '../../src/license/fingerprint.ts'

/** The fixed time at which the fixtures are judged. */
export const fixtureNow = Date.parse('2026-11-24T12:00:00Z')

export const machineFacts: MachineFacts = {
  machineId: '0123456789abcdef0123456789abcdef',
  productUuid: '4c4c4544-0042-3510-8051-b4c04f4e3632',
  macs: ['3c:ec:ef:12:34:56', '3c:ec:ef:12:34:57'],
  cpuModel: 'AMD EPYC 7302P 16-Core Processor',
}
export const machineFingerprint = fingerprintOf(machineFacts)
export const otherMachineFingerprint = fingerprintOf({
  machineId: 'fedcba9876543210fedcba9876543210',
  productUuid: '4c4c4544-0042-3510-8051-b4c04f4e9999',
  macs: ['3c:ec:ef:99:99:99'],
  cpuModel: 'AMD EPYC 7302P 16-Core Processor',
})

/** The thumbprint of the machine's key, whose private half is not needed to verify a license. */
export const machineJkt = 'E3f-wSr4rfcjzBXQ8GJSlTGFj-RS6ZpT0vQorzujJLo'

/** A license in full health at fixtureNow, on the machine above. */
export function makeLicense(changes: Partial<License> = {}): License {
  return {
    schema: 1,
    licenseId: 'c0ffee00-0000-4000-8000-000000000001',
    installationId: 'c0ffee00-0000-4000-8000-000000000002',
    generation: 3,
    requestId: null,
    customer: { id: 'acme', name: 'Acme Telephony GmbH' },
    product: 'call-services',
    versions: { from: '5.0', to: '5.x' },
    maxSessions: 100,
    seats: 0,
    features: ['recording', 'transcription'],
    issuedAt: '2026-11-01T09:30:00Z',
    notBefore: '2026-11-01T00:00:00Z',
    expiresAt: '2027-12-31T23:59:59Z',
    graceDays: 14,
    fingerprint: machineFingerprint,
    cnf: { jkt: machineJkt },
    reactivation: { intervalHours: 24, requiredWithinDays: 60 },
    overdraft: { sessions: 10, minutes: 60 },
    reservationsAllowed: true,
    offlineAdmission: { calls: 5, seconds: 300 },
    emergencyClass: true,
    deactivated: false,
    ...changes,
  }
}

/** Signs anything under any header, right or wrong, with jose alone. */
export async function signJws(
  payload: unknown,
  header: Partial<CompactJWSHeaderParameters> & { alg: string },
  key: KeyObject | Uint8Array,
): Promise<string> {
  const bytes = Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload))
  return new CompactSign(bytes).setProtectedHeader(header as CompactJWSHeaderParameters).sign(key)
}

/** A JWS put together from parts, for headers that no library would sign. */
export function assembleJws(header: unknown, payload: unknown, signature: Uint8Array): string {
  const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url')
  return `${encode(header)}.${encode(payload)}.${Buffer.from(signature).toString('base64url')}`
}
