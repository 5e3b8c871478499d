import { X509Certificate } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CompactSign } from 'jose'
import { Fault, messageOf } from '../errors.ts'
import { keySha256 } from '../license/chain.ts'
import { formatInstant } from '../license/instant.ts'
import { type RevocationList, revocationListType, verifyRevocationList } from '../license/revocation.ts'
import { authorityPaths, readRoot, writeFile } from './authority-files.ts'
import type { CertifiedKey } from './certificates.ts'

/** Signs a revocation list with the root's key: one line, JWS compact serialization. */
export async function signRevocationList(
  list: Omit<RevocationList, 'schema' | 'root'>,
  root: CertifiedKey,
): Promise<string> {
  const payload: RevocationList = { schema: 1, root: keySha256(root.certificate), ...list }
  return new CompactSign(Buffer.from(JSON.stringify(payload)))
    .setProtectedHeader({ alg: 'PS256', typ: revocationListType })
    .sign(root.privateKey)
}

/**
 * Puts a certificate on the revocation list of the authority in `directory` and signs the list anew, with
 * the next number. Every license that its key signed stops being good on machines that have the list.
 * Needs the root folder. A certificate that is on the list already stays there once.
 */
export async function revokeCertificate(
  directory: string,
  certificatePem: string,
  options: { reason: string; now: number },
): Promise<{ text: string; list: RevocationList }> {
  const root = readRoot(directory)
  const certificate = readCertificate(certificatePem)
  if (certificate.raw.equals(root.certificate.raw)) {
    throw new Fault('root-not-revocable', 'A root cannot revoke itself.', {
      hint: 'Take it out of the trust directory of every machine.',
    })
  }
  const current = await readRevocationList(directory, root.certificate)
  const entry = {
    keySha256: keySha256(certificate),
    serialNumber: certificate.serialNumber,
    revokedAt: formatInstant(options.now),
    reason: options.reason,
  }
  const others = current?.revoked.filter(other => other.keySha256 !== entry.keySha256) ?? []
  const number = (current?.number ?? 0) + 1
  const issuedAt = formatInstant(options.now)
  const text = await signRevocationList({ number, issuedAt, revoked: [...others, entry] }, root)
  const verdict = await verifyRevocationList(text, [root.certificate])
  if (!verdict.ok) throw new Fault('revocation-list-invalid', verdict.problem.message)
  writeFile(join(directory, authorityPaths.revocationList), `${text}\n`, 0o644)
  return { text, list: verdict.list }
}

function readCertificate(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch (cause) {
    throw new Fault('certificate-unreadable', `This is no certificate in PEM: ${messageOf(cause)}.`, {
      hint: `Issuing certificates of before are kept as ${authorityPaths.previous}/SERIAL.pem.`,
      cause,
    })
  }
}

/** The list in `directory`; null where nothing was revoked yet. A Fault where the file is not this root's. */
export async function readRevocationList(
  directory: string,
  root: X509Certificate,
): Promise<RevocationList | null> {
  const path = join(directory, authorityPaths.revocationList)
  if (!existsSync(path)) return null
  const verdict = await verifyRevocationList(readFileSync(path), [root])
  if (verdict.ok) return verdict.list
  throw new Fault(
    verdict.problem.code,
    `The revocation list ${path} cannot be used. ${verdict.problem.message}`,
    {
      hint: 'Restore it from a backup: starting a new list would bring revoked certificates back.',
    },
  )
}
