import type { X509Certificate } from 'node:crypto'
import { type ChainTrust, verifyChain } from './chain.ts'
import {
  type License,
  licenseMaxBytes,
  licenseSchemaVersion,
  licenseType,
  readLicensePayload,
} from './document.ts'
import type { Product } from './fields.ts'
import { type FingerprintMatch, type MachineFingerprint, matchFingerprint } from './fingerprint.ts'
import { dayMs, parseInstant } from './instant.ts'
import { type Jws, type JwsFlaw, parseJws, signatureHolds } from './jws.ts'
import { type LicenseProblem, licenseProblem } from './problems.ts'
import { versionInRange } from './version-range.ts'

/** What a license is held against. `trustedRoots` and `revoked` come from readTrustedRoots and revokedKeys. */
export interface AuthenticationContext extends ChainTrust {
  product: Product
  /** The version of the product that runs here, `5.1.0`. */
  version: string
  /**
   * This machine's fingerprint. Null: the machine has no usable facts, and only a demonstration license
   * fits it. `not-compared`: the check runs away from the machine, and the verdict says nothing about it.
   */
  fingerprint: MachineFingerprint | null | 'not-compared'
  /** The thumbprint of this machine's key; null where it has none. */
  machineJkt: string | null | 'not-compared'
}

export interface VerifyContext extends AuthenticationContext {
  /** License time (license-time.ts), milliseconds since the epoch. */
  now: number
  /** The license in force on this machine, if there is one. */
  inForce?: { installationId: string; generation: number } | undefined
}

/** A license that is genuine and made for this product and machine. */
export interface AuthenticLicense {
  ok: true
  license: License
  /** How the parts of the machine compare; null where they were not compared. */
  fingerprintMatch: FingerprintMatch | null
  /** The certificate that signed it, for display. */
  issuer: X509Certificate
}

export interface RefusedLicense {
  ok: false
  problem: LicenseProblem
  /** Only where signature and schema were good, so that it can be shown what it is. */
  license?: License
}

export type LicenseVerdict = AuthenticLicense | RefusedLicense

/**
 * Judges a license that is to be put in force (or that somebody asks about): everything that
 * authenticateLicense checks, then generation and dates. Never throws for what the text holds.
 */
export async function verifyLicense(
  text: string | Uint8Array,
  context: VerifyContext,
): Promise<LicenseVerdict> {
  const verdict = await authenticateLicense(text, context)
  if (!verdict.ok) return verdict
  const { license } = verdict
  const problem = findSuperseded(license, context.inForce) ?? findOutOfTime(license, context.now)
  return problem === null ? verdict : { ok: false, problem, license }
}

/**
 * Judges everything about a license but its generation and dates, in this order: size, header, certificate
 * chain and revocation, signature, schema, product and version, fingerprint, machine key. Nothing in the
 * license is believed before the step that makes it believable. Use this for the license in force, whose
 * dates are a matter of its lifecycle. Never throws for what the text holds.
 */
export async function authenticateLicense(
  text: string | Uint8Array,
  context: AuthenticationContext,
): Promise<LicenseVerdict> {
  const jws = parseJws(text, {
    type: licenseType,
    algorithm: 'PS256',
    parameters: ['alg', 'typ', 'x5c'],
    maxBytes: licenseMaxBytes,
  })
  if (!jws.ok) return { ok: false, problem: problemOfFlaw(jws.flaw) }
  const chain = verifyChain(jws.header['x5c'], context, peekIssuedAt(jws))
  if (!chain.ok) return chain
  if (!(await signatureHolds(jws, chain.issuer.publicKey, 'PS256'))) {
    return { ok: false, problem: licenseProblem('license-signature-invalid', {}) }
  }
  const reading = readLicensePayload(jws.payload)
  if (!reading.ok) {
    const problem =
      'schemaTooNew' in reading
        ? licenseProblem('license-schema-too-new', {
            schema: reading.schemaTooNew,
            known: licenseSchemaVersion,
          })
        : licenseProblem('license-payload-invalid', { flaws: reading.flaws })
    return { ok: false, problem }
  }
  return judgeFit(reading.license, context, chain.issuer)
}

function problemOfFlaw(flaw: JwsFlaw): LicenseProblem {
  switch (flaw.kind) {
    case 'too-large':
      return licenseProblem('license-too-large', { bytes: flaw.bytes, maxBytes: licenseMaxBytes })
    case 'not-parsable':
      return licenseProblem('license-not-parsable', { why: flaw.why })
    case 'wrong-type':
      return licenseProblem('license-wrong-type', { type: flaw.type, expected: licenseType })
    case 'algorithm-refused':
      return licenseProblem('license-algorithm-refused', { algorithm: flaw.algorithm })
    case 'parameter-refused':
      return licenseProblem('license-key-source-refused', { parameter: flaw.parameter })
  }
}

/** The date that the chain is held against. The one thing that is read before the signature: see verifyChain. */
function peekIssuedAt(jws: Jws): number | null {
  const text = (jws.payload as { issuedAt?: unknown } | null | undefined)?.issuedAt
  return typeof text === 'string' ? parseInstant(text) : null
}

function judgeFit(license: License, context: AuthenticationContext, issuer: X509Certificate): LicenseVerdict {
  const { product, version, machineJkt } = context
  const refuse = (problem: LicenseProblem): LicenseVerdict => ({ ok: false, problem, license })
  if (license.product !== product) {
    return refuse(licenseProblem('license-other-product', { product, licensed: license.product }))
  }
  if (!versionInRange(version, license.versions)) {
    return refuse(licenseProblem('license-other-version', { version, ...license.versions }))
  }
  const fingerprintMatch = compareFingerprint(license.fingerprint, context.fingerprint)
  if (fingerprintMatch?.matches === false) {
    return refuse(licenseProblem('license-other-machine', { explanation: fingerprintMatch.explanation }))
  }
  if (machineJkt !== 'not-compared' && machineJkt !== license.cnf.jkt) {
    return refuse(
      licenseProblem('license-other-machine-key', { licensed: license.cnf.jkt, current: machineJkt }),
    )
  }
  return { ok: true, license, fingerprintMatch, issuer }
}

/** A machine without facts has a fingerprint without parts, in which every licensed part is missing. */
const blankFingerprint: MachineFingerprint = {
  scheme: 1,
  machineId: null,
  productUuid: null,
  macs: [],
  cpuModel: null,
}

function compareFingerprint(
  licensed: MachineFingerprint | null,
  current: AuthenticationContext['fingerprint'],
): FingerprintMatch | null {
  if (licensed === null || current === 'not-compared') return null
  return matchFingerprint(licensed, current ?? blankFingerprint)
}

/**
 * An older license of the installation in force is refused: a machine whose claim was moved away could
 * otherwise put back the license that it had before. The same generation again is the same license.
 */
function findSuperseded(license: License, inForce: VerifyContext['inForce']): LicenseProblem | null {
  if (inForce === undefined || inForce.installationId !== license.installationId) return null
  const { generation } = license
  if (generation >= inForce.generation) return null
  return licenseProblem('license-superseded', { generation, inForce: inForce.generation })
}

/** A license that grants nothing (`deactivated`) has no dates to keep. */
function findOutOfTime(license: License, wallNow: number): LicenseProblem | null {
  if (license.deactivated) return null
  // The signed date of issue is a time that has been: a clock that stands before it is behind.
  const now = Math.max(wallNow, Date.parse(license.issuedAt))
  const notBefore = Date.parse(license.notBefore)
  if (now < notBefore) return licenseProblem('license-not-yet-valid', { notBefore, now })
  if (license.expiresAt === null) return null
  const expiresAt = Date.parse(license.expiresAt)
  const graceEndsAt = expiresAt + license.graceDays * dayMs
  return now <= graceEndsAt ? null : licenseProblem('license-expired', { expiresAt, graceEndsAt, now })
}
