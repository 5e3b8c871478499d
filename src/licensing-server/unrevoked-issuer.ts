import type { X509Certificate } from 'node:crypto'
import { Fault } from '../errors.ts'
import { keySha256, nameOf } from '../license/chain.ts'
import { type RevocationList, revokedKeys } from '../license/revocation.ts'
import type { Issuer } from './authority-files.ts'

/** What signs; `'now'` looks at the files at once, where one that was renewed may lie there. May throw a Fault. */
export type IssuerSource = (look?: 'now') => Issuer

/**
 * What signs a license that goes out together with `lists`. A certificate that one of them revokes is not used any more:
 * the machine would keep the list, believe neither its old license nor the new one, and refuse calls. Where there is no
 * other, nothing is signed, and machines go on with what they have.
 *
 * @throws {Fault} `issuing-certificate-invalid`
 */
export function unrevokedIssuer(issuer: IssuerSource, lists: readonly string[]): Issuer {
  if (lists.length === 0) return issuer()
  const revoked = revokedIn(lists)
  const newest = newestIssuer(issuer, revoked)
  if (!isRevoked(newest.chain, revoked)) return newest
  const [certificate] = newest.chain
  const which = `${nameOf(certificate)} (serial number ${certificate.serialNumber})`
  throw new Fault('issuing-certificate-invalid', `The certificate ${which} cannot sign: it was revoked.`, {
    hint: 'Make another: `licensing-server renew-issuing`.',
  })
}

/** What signs now; where that is revoked, what lies there by now, which may be revoked as well. */
export function newestIssuer(issuer: IssuerSource, revoked: ReadonlySet<string>): Issuer {
  const present = issuer()
  return isRevoked(present.chain, revoked) ? issuer('now') : present
}

/** The keys on these lists, which come from the ledger: it took nothing in that was not verified. */
export function revokedIn(lists: readonly string[]): ReadonlySet<string> {
  return revokedKeys(lists.map(list => partOf(list, 1) as RevocationList))
}

export function isRevoked(chain: readonly X509Certificate[], revoked: ReadonlySet<string>): boolean {
  return chain.some(certificate => revoked.has(keySha256(certificate)))
}

/** One part of a JWS, 0 the header and 1 the payload. */
export function partOf(jws: string, index: 0 | 1): unknown {
  return JSON.parse(Buffer.from(jws.split('.')[index] ?? '', 'base64url').toString('utf8'))
}
