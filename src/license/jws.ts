import { type KeyObject, verify } from 'node:crypto'
import { compactVerify } from 'jose'

/** What a reader of one kind of document accepts in the header. Nothing else in it is looked at. */
export interface JwsExpectation {
  type: string
  algorithm: 'PS256' | 'ES256'
  /** Every header parameter that may be there, and must be. */
  parameters: readonly string[]
  maxBytes: number
}

/** A signed document that is well formed and of the expected kind. Its signature is not verified yet. */
export interface Jws {
  ok: true
  /** The compact serialization, without the white space around it. */
  text: string
  header: Readonly<Record<string, unknown>>
  /** The payload as parsed from JSON; undefined where it is no JSON. Not to be believed before the signature. */
  payload: unknown
}

export type JwsFlaw =
  | { kind: 'too-large'; bytes: number }
  | { kind: 'not-parsable'; why: string }
  | { kind: 'wrong-type'; type: string }
  | { kind: 'algorithm-refused'; algorithm: string }
  | { kind: 'parameter-refused'; parameter: string }

/** Reads a JWS in compact serialization. Pure syntax: size, three parts of canonical base64url, the header. */
export function parseJws(
  input: string | Uint8Array,
  expected: JwsExpectation,
): Jws | { ok: false; flaw: JwsFlaw } {
  const bytes = typeof input === 'string' ? Buffer.byteLength(input) : input.length
  if (bytes > expected.maxBytes) return { ok: false, flaw: { kind: 'too-large', bytes } }
  // latin1 maps every byte to one character, so bytes that are no text are seen and refused below.
  const whole = typeof input === 'string' ? input : Buffer.from(input).toString('latin1')
  const text = whole.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '')
  const parts = text.split('.')
  if (parts.length !== 3) return notParsable('it does not have the three parts of a signed document')
  const [header, payload, signature] = parts.map(decodeBase64url)
  if (!header || !payload || !signature) return notParsable('a part of it is not base64url')
  const fields = parseJson(header)
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields))
    return notParsable('its header is not JSON')
  const jws: Jws = { ok: true, text, header: fields as Record<string, unknown>, payload: parseJson(payload) }
  const flaw = findHeaderFlaw(jws.header, expected)
  return flaw === null ? jws : { ok: false, flaw }
}

function notParsable(why: string): { ok: false; flaw: JwsFlaw } {
  return { ok: false, flaw: { kind: 'not-parsable', why } }
}

/** Null where the text is empty or not the one canonical spelling of its bytes, so that no document has a second one. */
function decodeBase64url(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64url')
  if (bytes.length === 0) return null
  return bytes.toString('base64url') === text ? bytes : null
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}

function findHeaderFlaw(header: Readonly<Record<string, unknown>>, expected: JwsExpectation): JwsFlaw | null {
  if (header['typ'] !== expected.type) return { kind: 'wrong-type', type: shown(header['typ']) }
  if (header['alg'] !== expected.algorithm)
    return { kind: 'algorithm-refused', algorithm: shown(header['alg']) }
  const parameter = Object.keys(header).find(name => !expected.parameters.includes(name))
  return parameter === undefined ? null : { kind: 'parameter-refused', parameter: shown(parameter) }
}

/** A value of an untrusted header as it may stand in a message: JSON escapes control characters; bounded. */
function shown(value: unknown): string {
  return value === undefined ? 'none' : JSON.stringify(value).replace(/^"|"$/g, '').slice(0, 60)
}

/** True where the signature of the document was made with the private half of `key`. */
export async function signatureHolds(
  jws: Jws,
  key: KeyObject,
  algorithm: JwsExpectation['algorithm'],
): Promise<boolean> {
  if (algorithm === 'ES256') return ecdsaHolds(jws.text, key)
  // Whatever jose gives as the reason, a well-formed document of the expected kind has only this one left.
  return compactVerify(jws.text, key, { algorithms: [algorithm] }).then(
    () => true,
    () => false,
  )
}

/**
 * ES256 (RFC 7518, 3.4), by node:crypto: every reactivation of every machine is verified so, and the way through Web
 * Crypto costs twice as much. A signature of another length than 64 bytes does not hold.
 */
function ecdsaHolds(text: string, key: KeyObject): boolean {
  const end = text.lastIndexOf('.')
  const signature = Buffer.from(text.slice(end + 1), 'base64url')
  if (signature.length !== 2 * ecdsaHalf) return false
  // As DER beside a bare key: node:crypto tells an object with options from a key by two exceptions, a third of the cost.
  return verify('sha256', Buffer.from(text.slice(0, end)), key, derOf(signature))
}

/** Bytes of each of the two numbers of a signature on P-256. */
const ecdsaHalf = 32

/** Both numbers of a signature as a SEQUENCE of ASN.1 DER. */
function derOf(signature: Buffer): Buffer {
  // Each number has at most a byte more than in the signature, and two before it.
  const der = Buffer.allocUnsafe(2 * (ecdsaHalf + 3) + 2)
  const middle = putDerInteger(signature, 0, der, 2)
  const end = putDerInteger(signature, ecdsaHalf, der, middle)
  der[0] = 0x30
  der[1] = end - 2
  return der.subarray(0, end)
}

/** One of them, positive and big endian, as DER has it: without leading zeros, and no sign bit. Returns where it ends. */
function putDerInteger(signature: Buffer, from: number, der: Buffer, at: number): number {
  const until = from + ecdsaHalf
  let start = from
  while (start < until - 1 && signature[start] === 0) start++
  const sign = signature[start]! >= 0x80 ? 1 : 0
  der[at] = 0x02
  der[at + 1] = until - start + sign
  if (sign === 1) der[at + 2] = 0
  signature.copy(der, at + 2 + sign, start, until)
  return at + 2 + sign + until - start
}
