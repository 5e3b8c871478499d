import { createHmac, timingSafeEqual } from 'node:crypto'
import type { ParsedToken } from './token.ts'

/**
 * While the journal cannot be written, the tokens of new grants carry a signature: `SLOT.NONCE.PAYLOAD.MAC`.
 * After a crash the daemon has no record of such a session, but the token proves that it was granted, and
 * says all that is needed to count it again. A MAC costs more than a grant, so plain tokens have none.
 */
export interface SignedSession {
  readonly application: string
  readonly key: string
  readonly grantedAt: number
}

export interface TokenSigner {
  readonly key: Uint8Array
  /** The run of the daemon that signs. */
  readonly instanceId: string
  /**
   * How often the journal had been made whole in that run. What was signed in an earlier era is out of date: the
   * journal told since what was held. Null where nobody knows, and every era counts.
   */
  readonly era: number | null
}

const MAC_BYTES = 16

/** In none of the fields, and with nothing to escape, so that the longest token keeps its bound. */
const SEPARATOR = '\n'

export function signToken(token: string, session: SignedSession, signer: TokenSigner): string {
  const { application, key, grantedAt } = session
  const payload = [signer.instanceId, signer.era, application, key, grantedAt].join(SEPARATOR)
  const signed = `${token}.${Buffer.from(payload).toString('base64url')}`
  return `${signed}.${mac(signed, signer.key)}`
}

/**
 * The session that a signed token proves, or null where the signature is not ours or it was signed by another
 * run or era than the signer's: only the last era of the run just before this one can have lost it.
 */
export function verifySignedToken(
  token: string,
  parsed: ParsedToken,
  signer: TokenSigner,
): SignedSession | null {
  if (parsed.signatureAt < 0) return null
  const dot = token.lastIndexOf('.')
  if (dot <= parsed.signatureAt) return null
  // The MAC's text is compared, not its bytes: more than one base64 text decodes to the same bytes.
  const claimed = Buffer.from(token.slice(dot + 1))
  const expected = Buffer.from(mac(token.slice(0, dot), signer.key))
  if (claimed.length !== expected.length || !timingSafeEqual(claimed, expected)) return null
  const payload = Buffer.from(token.slice(parsed.signatureAt + 1, dot), 'base64url').toString()
  const [instanceId, era, application, key, grantedAt] = payload.split(SEPARATOR)
  if (instanceId !== signer.instanceId) return null
  if (signer.era !== null && Number(era) !== signer.era) return null
  return { application: application!, key: key!, grantedAt: Number(grantedAt) }
}

function mac(text: string, key: Uint8Array): string {
  return createHmac('sha256', key).update(text).digest().subarray(0, MAC_BYTES).toString('base64url')
}
