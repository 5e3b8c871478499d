import { constants, type KeyObject, sign, verify } from 'node:crypto'
import { mutateBytes } from '../mutate-bytes.ts'
import { mutateJson, spellJson } from '../mutate-json.ts'
import type { Random } from '../random.ts'

export type Header = Record<string, unknown>

export interface Signed {
  readonly header: Header
  readonly payload: object
  readonly text: string
}

export type Algorithm = 'PS256' | 'ES256'

const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } as const

export const base64url = (text: string | Buffer) => Buffer.from(text).toString('base64url')

/** A signature over any text, right or wrong, by node:crypto alone. */
export function signText(input: string, key: KeyObject, algorithm: Algorithm): Buffer {
  if (algorithm === 'ES256') return sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' })
  return sign('sha256', Buffer.from(input), { key, ...pss })
}

/** Whether a JWS was signed by that key: asked of node:crypto, not of the code under test. */
export function isSignedBy(text: string, key: KeyObject, algorithm: Algorithm): boolean {
  const end = text.lastIndexOf('.')
  const signature = Buffer.from(text.slice(end + 1), 'base64url')
  const options = algorithm === 'ES256' ? ({ key, dsaEncoding: 'ieee-p1363' } as const) : { key, ...pss }
  return verify('sha256', Buffer.from(text.slice(0, end)), options, signature)
}

/** Header and payload as any reader of JSON has them, of a document that was accepted. */
export function partsOf(text: string): { header: Header; payload: Record<string, unknown> } {
  const [header = '', payload = ''] = text.split('.')
  const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString())
  return { header: read(header), payload: read(payload) }
}

/**
 * A JWS with something wrong in it: damaged as bytes, in one of its parts, in the JSON of header or payload, with
 * the old signature or with a new one by the right key, which leaves the judgement to what comes after it.
 */
export function mutateJws(good: Signed, key: KeyObject, algorithm: Algorithm, random: Random): Buffer {
  const kind = random.below(20)
  if (kind < 7) return mutateBytes(Buffer.from(good.text), random)
  const parts = good.text.split('.') as [string, string, string]
  if (kind < 10) {
    const at = random.below(3)
    parts[at] = base64url(mutateBytes(Buffer.from(parts[at]!, 'base64url'), random, 2))
    return Buffer.from(parts.join('.'))
  }
  if (kind === 10)
    return Buffer.from(random.pick([parts.slice(1), [...parts, ''], parts.toReversed()]).join('.'))
  const header = kind < 14 ? mutateJson(good.header, random) : good.header
  const payload = kind >= 13 ? mutateJson(good.payload, random) : good.payload
  const input = `${base64url(spellJson(header, random))}.${base64url(spellJson(payload, random))}`
  const signature = kind < 16 ? parts[2] : base64url(signText(input, key, algorithm))
  return Buffer.from(`${input}.${signature}`)
}
