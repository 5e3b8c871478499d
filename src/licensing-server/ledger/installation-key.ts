import { createHash, timingSafeEqual } from 'node:crypto'

/**
 * An installation key is 25 characters of Crockford's base 32, in five groups:
 *
 *     1BBBB-BBSSS-SSSSS-SSSSS-SSSSC
 *
 * `1` the version of this form, six characters of public key id (by which it is looked up and spoken of),
 * seventeen of secret (85 random bits), one check character (Luhn mod 32, which catches every single wrong
 * character and nearly every pair that was swapped). No I, L, O, U; I and L are read as 1, O as 0.
 *
 * The secret is random, so one round of SHA-256 protects it: nobody tries 2^85 keys, and a slow hash
 * would only make the server slow.
 */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const version = '1'
const idLength = 6
const secretLength = 17
const keyLength = 1 + idLength + secretLength + 1

/** Random bytes that one key takes: one for each character of id and secret. */
export const installationKeyRandomBytes = idLength + secretLength

export interface MadeKey {
  /** Shown once and kept nowhere. */
  text: string
  keyId: string
  secretHash: string
}

/** Makes a key of `installationKeyRandomBytes` random bytes. */
export function makeInstallationKey(random: Uint8Array): MadeKey {
  const body = version + Array.from(random.subarray(0, installationKeyRandomBytes), letterOf).join('')
  const key = body + checkCharacterOf(body)
  return { text: key.match(/.{5}/g)!.join('-'), keyId: idOf(key), secretHash: hashOf(key) }
}

/** 256 is a multiple of 32: every character is as likely as any other. */
function letterOf(byte: number): string {
  return alphabet[byte % alphabet.length]!
}

export type ReadKey = { ok: true; keyId: string; secretHash: string } | { ok: false; why: string }

/** Reads a key as people type it: any case, with or without hyphens and spaces. */
export function readInstallationKey(typed: string): ReadKey {
  if (typed.length > 200) return { ok: false, why: 'it is far too long' }
  const key = typed.replace(/[\s-]/g, '').toUpperCase().replace(/[IL]/g, '1').replaceAll('O', '0')
  if (key.length !== keyLength)
    return { ok: false, why: `it has ${key.length} characters instead of ${keyLength}` }
  if ([...key].some(letter => !alphabet.includes(letter)))
    return { ok: false, why: 'a character in it is not one of a key' }
  if (key.at(-1) !== checkCharacterOf(key.slice(0, -1)))
    return { ok: false, why: 'a character in it is mistyped' }
  if (!key.startsWith(version))
    return { ok: false, why: 'it is of a newer form than this licensing server knows' }
  return { ok: true, keyId: idOf(key), secretHash: hashOf(key) }
}

/**
 * Compares in constant time. `kept` is null where no key has that id: the comparison is made all the
 * same, so that the time tells nothing.
 */
export function secretMatches(given: string, kept: string | null): boolean {
  const same = timingSafeEqual(Buffer.from(given), Buffer.from(kept ?? '0'.repeat(given.length)))
  return same && kept !== null
}

function idOf(key: string): string {
  return key.slice(1, 1 + idLength)
}

function hashOf(key: string): string {
  return createHash('sha256').update(`sessiond installation key\n${key}`).digest('hex')
}

/** Luhn mod N: every second value from the right is doubled, and its two digits in base 32 are added. */
function checkCharacterOf(body: string): string {
  const base = alphabet.length
  let sum = 0
  for (const [index, letter] of [...body].reverse().entries()) {
    const value = alphabet.indexOf(letter) * (index % 2 === 0 ? 2 : 1)
    sum += Math.floor(value / base) + (value % base)
  }
  return alphabet[(base - (sum % base)) % base]!
}
