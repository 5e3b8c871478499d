import { type Static, Type } from 'typebox'
import { checkerOf } from '../checker.ts'
import {
  count,
  flawsOf,
  instant,
  label,
  nullable,
  type PayloadFlaw,
  slug,
  thumbprint,
  uuid,
} from './fields.ts'
import { MachineFingerprint } from './fingerprint.ts'
import { parseInstant } from './instant.ts'
import { fromVersionPattern, toVersionPattern } from './version-range.ts'

/** The only license schema that this program reads. */
export const licenseSchemaVersion = 1

/** No license is larger. One with two certificates is under 8 KiB; the bound is what is read before any trust. */
export const licenseMaxBytes = 64 * 1024

/** The `typ` of the JWS header: no other signed document can pass as a license (RFC 8725, 3.11). */
export const licenseType = 'license+jws'

/**
 * The payload of a license, schema 1.
 *
 * Fields that this program does not know are tolerated: an issuer may add one that only explains or
 * that only newer programs use, and every older daemon in the field keeps working with the license.
 * A change that an older program must not ignore (a new restriction) raises `schema`, which is refused.
 */
export const LicensePayload = Type.Object({
  schema: Type.Literal(licenseSchemaVersion),
  licenseId: uuid,
  installationId: uuid,
  /** Raised by each reactivation of the installation; never falls. */
  generation: count(1, 1_000_000_000),
  /** The machine request that this license answers, where it answers one. */
  requestId: nullable(uuid),
  customer: Type.Object({
    id: Type.String({ maxLength: 64, pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$' }),
    name: label,
  }),
  /** A name rather than a union: a license for a product of tomorrow is "another product", not nonsense. */
  product: slug,
  /** Both ends included; see version-range.ts. */
  versions: Type.Object({
    from: Type.String({ maxLength: 40, pattern: fromVersionPattern }),
    to: Type.String({ maxLength: 40, pattern: toVersionPattern }),
  }),
  /** Sessions at one time. Of Call Services; 0 in a Studio license. */
  maxSessions: count(0, 1_000_000),
  /** Of Studio: one seat a machine. 0 in a Call Services license. */
  seats: count(0, 1),
  features: Type.Array(slug, { maxItems: 64, uniqueItems: true }),
  issuedAt: instant,
  notBefore: instant,
  /** The last instant of the license, by custom the end (23:59:59 UTC) of the day named. Null: perpetual. */
  expiresAt: nullable(instant),
  /** Days in which calls still pass, after expiry and again after a missed reactivation. */
  graceDays: count(0, 3_650),
  /** Null only in a demonstration license, which is bound by the machine's key alone. */
  fingerprint: nullable(MachineFingerprint),
  /** The machine's public key by its thumbprint (RFC 7800, RFC 7638). */
  cnf: Type.Object({ jkt: thumbprint }),
  reactivation: Type.Object({
    intervalHours: count(1, 8_784),
    requiredWithinDays: nullable(count(1, 3_650)),
  }),
  /** Sessions above the limit, for that many minutes. Null: none. */
  overdraft: nullable(Type.Object({ sessions: count(1, 1_000_000), minutes: count(1, 44_640) })),
  reservationsAllowed: Type.Boolean(),
  /** Calls that a client may admit while the daemon is unreachable, and for how long. Null: none. */
  offlineAdmission: nullable(Type.Object({ calls: count(1, 1_000_000), seconds: count(1, 604_800) })),
  emergencyClass: Type.Boolean(),
  /** True in the license that a machine receives when its claim was moved away: it grants nothing. */
  deactivated: Type.Boolean(),
  /** True in licenses of the embedded demonstration setup, which no vendor signed. */
  demonstration: Type.Optional(Type.Boolean()),
})

/** A license whose payload fits the schema. Nothing about its signature is implied: see verify.ts. */
export type License = Static<typeof LicensePayload>

const checker = checkerOf(LicensePayload)

export type PayloadReading =
  | { ok: true; license: License }
  | { ok: false; schemaTooNew: number }
  | { ok: false; flaws: PayloadFlaw[] }

/** Reads a payload that was parsed as JSON. Call it only on one whose signature is good. */
export function readLicensePayload(payload: unknown): PayloadReading {
  const schema = (payload as { schema?: unknown } | null)?.schema
  if (typeof schema === 'number' && schema > licenseSchemaVersion) return { ok: false, schemaTooNew: schema }
  if (!checker.check(payload)) return { ok: false, flaws: flawsOf(checker.errors(payload)) }
  const flaws = contradictionsOf(payload)
  return flaws.length === 0 ? { ok: true, license: payload } : { ok: false, flaws }
}

/** What the schema alone cannot say: real dates in order, and terms that fit the product. */
function contradictionsOf(license: License): PayloadFlaw[] {
  const flaws: PayloadFlaw[] = []
  const dates = { issuedAt: license.issuedAt, notBefore: license.notBefore, expiresAt: license.expiresAt }
  for (const [name, text] of Object.entries(dates)) {
    if (text !== null && parseInstant(text) === null)
      flaws.push({ path: `/${name}`, what: 'must be a day of the calendar' })
  }
  if (license.expiresAt !== null && Date.parse(license.expiresAt) < Date.parse(license.notBefore)) {
    flaws.push({ path: '/expiresAt', what: 'must not be before notBefore' })
  }
  if (license.product === 'call-services' && license.seats !== 0) {
    flaws.push({ path: '/seats', what: 'must be 0 for call-services, which is licensed by sessions' })
  }
  if (license.product === 'studio' && license.maxSessions !== 0) {
    flaws.push({ path: '/maxSessions', what: 'must be 0 for studio, which is licensed by seats' })
  }
  if (license.fingerprint === null && license.demonstration !== true) {
    flaws.push({ path: '/fingerprint', what: 'must be given: only a demonstration license has none' })
  }
  return flaws
}
