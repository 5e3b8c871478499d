import { X509Certificate } from 'node:crypto'
import type { License } from '../license/document.ts'
import { formatInstant } from '../license/instant.ts'
import { signLicense } from './sign-license.ts'
import { type IssuerSource, isRevoked, newestIssuer, partOf, revokedIn } from './unrevoked-issuer.ts'

/**
 * The license of a repeated request, as it is to be given now: the very same text, or where a certificate that signed
 * it is on `lists` by now, the same license signed by the present issuer, since no machine would believe the old one.
 * All that it grants stays as it was. Its date of issue moves no further than the new certificate demands: so it is
 * the same each time, and nobody gains time by repeating an old request.
 *
 * `text` and `lists` come from the ledger, which took nothing in that was not verified.
 */
export async function repeatLicense(
  text: string,
  lists: readonly string[],
  issuer: IssuerSource,
): Promise<string> {
  if (lists.length === 0) return text
  const revoked = revokedIn(lists)
  const { x5c } = partOf(text, 0) as { x5c: string[] }
  const chain = x5c.map(der => new X509Certificate(Buffer.from(der, 'base64')))
  if (!isRevoked(chain, revoked)) return text
  const present = newestIssuer(issuer, revoked)
  // Nobody has renewed the issuing certificate yet. Another signature by it would be no better.
  if (isRevoked(present.chain, revoked)) return text
  const license = partOf(text, 1) as License
  const validSince = present.chain.map(({ validFromDate }) => validFromDate.getTime())
  const issuedAt = formatInstant(Math.max(Date.parse(license.issuedAt), ...validSince))
  return signLicense({ ...license, issuedAt }, present)
}
