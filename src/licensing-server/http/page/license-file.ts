import type { X509Certificate } from 'node:crypto'
import { verifyChain } from '../../../license/chain.ts'
import { type License, licenseMaxBytes, licenseType, readLicensePayload } from '../../../license/document.ts'
import { parseJws, signatureHolds } from '../../../license/jws.ts'

/**
 * Reads a license that this vendor signed, whoever it is for; null for anything else. It is its own proof, so
 * that any of several servers can hand a license out as a file that another one has signed, and none keeps it.
 * What is no license never leaves this server as one.
 */
export async function readOwnLicense(
  text: string,
  trustedRoots: readonly X509Certificate[],
): Promise<License | null> {
  const jws = parseJws(text, {
    type: licenseType,
    algorithm: 'PS256',
    parameters: ['alg', 'typ', 'x5c'],
    maxBytes: licenseMaxBytes,
  })
  if (!jws.ok) return null
  const chain = verifyChain(jws.header['x5c'], { trustedRoots, revoked: new Set() }, null)
  if (!chain.ok || !(await signatureHolds(jws, chain.issuer.publicKey, 'PS256'))) return null
  const reading = readLicensePayload(jws.payload)
  return reading.ok ? reading.license : null
}

/** Tells the files of several machines, and of one machine over time, apart. */
export function licenseFileName({
  installationId,
  generation,
}: Pick<License, 'installationId' | 'generation'>): string {
  return `license-${installationId.slice(0, 8)}-${generation}.jws`
}
