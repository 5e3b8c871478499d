import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ChainTrust, readTrustedRoots } from '../../src/license/chain.ts'
import type { License } from '../../src/license/document.ts'
import {
  fixtureNow,
  machineFingerprint,
  machineJkt,
  makeLicense,
  otherMachineFingerprint,
  signJws,
} from '../license/setting.ts'

/** A license file, and what the simulation knows of it without asking the code under test. */
export interface LicenseFile {
  readonly name: string
  readonly text: string
  readonly good: boolean
  /** A good one is taken where it is newer than the one in force. */
  readonly generation: number
  readonly sessions: number
  /** Null where it never expires. */
  readonly expiresAt: number | null
  /** When the licensing server must have been heard of; null where it need not. */
  readonly requiredBy: number | null
}

const folder = join(import.meta.dirname, '../support/authority')
const pem = (...path: string[]) => readFileSync(join(folder, ...path), 'utf8')
const key = createPrivateKey(pem('issuing', 'issuing.key'))
const x5c = [new X509Certificate(pem('issuing', 'issuing.pem')).raw.toString('base64')]

export const trust: ChainTrust = {
  trustedRoots: readTrustedRoots([{ name: 'root.pem', pem: pem('trust', 'root.pem') }]),
  revoked: new Set(),
}

export const machine = { fingerprint: machineFingerprint, jkt: machineJkt }

/** Wall time at the begin of each history. */
export const wallStart = fixtureNow
export const dayMs = 86_400_000

const SIZES = [5, 2, 8, 3, 1, 6]

async function issue(
  generation: number,
  sessions: number,
  changes: Partial<License> = {},
): Promise<LicenseFile> {
  const number = String(generation).padStart(12, '0')
  const license = makeLicense({
    licenseId: `c0ffee00-0000-4000-8000-${number}`,
    generation,
    maxSessions: sessions,
    issuedAt: new Date(wallStart - dayMs + generation * 1000).toISOString().replace('.000Z', 'Z'),
    graceDays: 0,
    expiresAt: null,
    reactivation: { intervalHours: 24, requiredWithinDays: null },
    ...changes,
  })
  const text = `${await signJws(license, { alg: 'PS256', typ: 'license+jws', x5c }, key)}\n`
  const expiresAt = license.expiresAt === null ? null : Date.parse(license.expiresAt)
  const { requiredWithinDays } = license.reactivation
  const requiredBy =
    requiredWithinDays === null ? null : Date.parse(license.issuedAt) + requiredWithinDays * dayMs
  return { name: `license ${generation}`, text, good: true, generation, sessions, expiresAt, requiredBy }
}

/** Perpetual; to be renewed within 60 days; and one that expires a day after the begin of the history. */
const KINDS: readonly Partial<License>[] = [
  { reactivation: { intervalHours: 24, requiredWithinDays: 60 } },
  { expiresAt: expiry(wallStart + dayMs) },
  {},
]

/** In the order of their issue. */
const good: readonly LicenseFile[] = await Promise.all(
  SIZES.map((sessions, index) => issue(index + 1, sessions, KINDS[index % KINDS.length])),
)

function expiry(at: number): string {
  return new Date(at).toISOString().replace('.000Z', 'Z')
}

async function bad(name: string, sessions: number, changes: Partial<License>): Promise<LicenseFile> {
  return { ...(await issue(90, sessions, changes)), name, good: false }
}

const tampered: LicenseFile = {
  ...good[2]!,
  good: false,
  name: 'a tampered license',
  text: tamper(good[2]!.text),
}

export const licenses: readonly LicenseFile[] = [
  ...good,
  tampered,
  { ...tampered, name: 'garbage', text: 'not a license\n' },
  await bad("another machine's license", 50, { fingerprint: otherMachineFingerprint }),
  // Over before the first license was issued, so that no clock that is turned back can bring it to life.
  await bad('an expired license', 50, {
    issuedAt: expiry(wallStart - 3 * dayMs),
    expiresAt: expiry(wallStart - 2 * dayMs),
  }),
]

/** What the licensing server hands out when all is well again. */
export const lastLicense: LicenseFile = await issue(80, 6)

function tamper(text: string): string {
  const at = text.lastIndexOf('.') - 9
  return `${text.slice(0, at)}${text[at] === 'Q' ? 'A' : 'Q'}${text.slice(at + 1)}`
}
