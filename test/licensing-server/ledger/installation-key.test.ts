import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import {
  installationKeyRandomBytes,
  makeInstallationKey,
  readInstallationKey,
  secretMatches,
} from '../../../src/licensing-server/ledger/installation-key.ts'

const letters = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const keys = fc
  .uint8Array({ minLength: installationKeyRandomBytes, maxLength: installationKeyRandomBytes })
  .map(makeInstallationKey)

t.test('a key is read as it was made, however it is typed', async t => {
  fc.assert(
    fc.property(keys, made => {
      const { text, keyId, secretHash } = made
      const typed = [
        text,
        text.toLowerCase(),
        text.replaceAll('-', ''),
        ` ${text.replaceAll('-', '  ')}\n`,
        text.replaceAll('0', 'o').replaceAll('1', 'l'),
        text.replaceAll('1', 'I'),
      ]
      for (const one of typed) t.strictSame(readInstallationKey(one), { ok: true, keyId, secretHash })
    }),
    { numRuns: 20 },
  )
  t.match(
    makeInstallationKey(randomBytes(installationKeyRandomBytes)).text,
    /^1[0-9A-Z]{4}(-[0-9A-Z]{5}){4}$/,
  )
})

t.test('every single wrong character is noticed', async () => {
  fc.assert(
    fc.property(keys, fc.nat(24), fc.constantFrom(...letters), ({ text }, position, letter) => {
      const key = [...text.replaceAll('-', '')]
      if (key[position] === letter) return true
      key[position] = letter
      return !readInstallationKey(key.join('')).ok
    }),
  )
})

t.test('what is no key says why', async t => {
  t.strictSame(readInstallationKey('1ABCD'), { ok: false, why: 'it has 5 characters instead of 25' })
  t.strictSame(readInstallationKey('x'.repeat(300)), { ok: false, why: 'it is far too long' })
  t.strictSame(readInstallationKey('U'.repeat(25)), {
    ok: false,
    why: 'a character in it is not one of a key',
  })
  const { text } = makeInstallationKey(new Uint8Array(installationKeyRandomBytes))
  t.equal(text, '10000-00000-00000-00000-0000Z')
  t.strictSame(readInstallationKey('10000-00000-00000-00000-00000'), {
    ok: false,
    why: 'a character in it is mistyped',
  })
  t.strictSame(readInstallationKey('20000-00000-00000-00000-0000Y'), {
    ok: false,
    why: 'it is of a newer form than this licensing server knows',
  })
})

t.test('a secret matches itself alone', async t => {
  const made = makeInstallationKey(randomBytes(installationKeyRandomBytes))
  const other = makeInstallationKey(randomBytes(installationKeyRandomBytes))
  t.equal(secretMatches(made.secretHash, made.secretHash), true)
  t.equal(secretMatches(made.secretHash, other.secretHash), false)
  t.equal(secretMatches(made.secretHash, null), false)
  t.equal(secretMatches('0'.repeat(64), null), false, 'nor the stand-in for a key that there is not')
})

t.test('key ids and secrets use every character', async t => {
  const seen = new Set<string>()
  for (let byte = 0; byte < 256; byte++) {
    for (const letter of makeInstallationKey(new Uint8Array(installationKeyRandomBytes).fill(byte)).keyId) {
      seen.add(letter)
    }
  }
  t.strictSame([...seen].sort().join(''), letters)
})
