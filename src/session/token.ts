/**
 * A session token is `SLOT.NONCE`: the slot in base 36, and 96 random bits in base64url. The slot finds the
 * session in one array access; the nonce proves it and tells this session from earlier ones in the same slot.
 *
 * A nonce is two whole numbers of 48 bits, which fit typed arrays and SQLite integers without conversion.
 */
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const NONCE_LENGTH = 16
const TWO_24 = 2 ** 24

/** Two characters for each value of 12 bits. */
const PAIRS: string[] = []
for (const high of ALPHABET) for (const low of ALPHABET) PAIRS.push(high + low)

/** Value of each ASCII character of the alphabet, 64 for all others. */
const VALUES = new Uint8Array(128).fill(64)
for (let value = 0; value < 64; value++) VALUES[ALPHABET.charCodeAt(value)] = value

export interface ParsedToken {
  readonly slot: number
  readonly nonceHigh: number
  readonly nonceLow: number
  /** Where the `.PAYLOAD.MAC` of a signed token begins; -1 for a plain one. */
  readonly signatureAt: number
}

export function formatToken(slot: number, nonceHigh: number, nonceLow: number): string {
  return `${slot.toString(36)}.${format48(nonceHigh)}${format48(nonceLow)}`
}

/** Null where the text has not the form of a token. */
export function parseToken(token: string): ParsedToken | null {
  const dot = token.indexOf('.')
  if (dot < 1 || dot > 6) return null
  const end = dot + 1 + NONCE_LENGTH
  if (token.length !== end && token.charCodeAt(end) !== 46) return null
  const slot = parseSlot(token, dot)
  const a = parse24(token, dot + 1)
  const b = parse24(token, dot + 5)
  const c = parse24(token, dot + 9)
  const d = parse24(token, dot + 13)
  if (slot < 0 || a < 0 || b < 0 || c < 0 || d < 0) return null
  const signatureAt = token.length === end ? -1 : end
  return { slot, nonceHigh: a * TWO_24 + b, nonceLow: c * TWO_24 + d, signatureAt }
}

function format48(value: number): string {
  const high = Math.floor(value / TWO_24)
  const low = value % TWO_24
  return PAIRS[high >>> 12]! + PAIRS[high & 4095]! + PAIRS[low >>> 12]! + PAIRS[low & 4095]!
}

function parseSlot(token: string, end: number): number {
  let slot = 0
  for (let index = 0; index < end; index++) {
    const code = token.charCodeAt(index)
    if (code >= 48 && code <= 57) slot = slot * 36 + (code - 48)
    else if (code >= 97 && code <= 122) slot = slot * 36 + (code - 87)
    else return -1
  }
  return slot
}

function parse24(token: string, at: number): number {
  let value = 0
  for (let index = at; index < at + 4; index++) {
    const code = token.charCodeAt(index)
    const digit = code < 128 ? VALUES[code]! : 64
    if (digit === 64) return -1
    value = value * 64 + digit
  }
  return value
}
