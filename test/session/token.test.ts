import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { formatToken, parseToken } from '../../src/session/token.ts'
import { parameters } from '../property.ts'

const slot = fc.nat({ max: 36 ** 6 - 1 })
const nonce = fc.integer({ min: 0, max: 2 ** 48 - 1 })
const CHARACTERS = [...'0189AZazmM-_.', ' ', '=', '/', '+', 'é', '\u0000', '\ud800']

t.test('a token says its slot and its nonce', async t => {
  t.equal(formatToken(0, 0, 0), '0.AAAAAAAAAAAAAAAA')
  t.equal(formatToken(35, 2 ** 48 - 1, 1), 'z.________AAAAAAAB')
  fc.assert(
    fc.property(slot, nonce, nonce, (slot, nonceHigh, nonceLow) => {
      const token = formatToken(slot, nonceHigh, nonceLow)
      assert.deepEqual(parseToken(token), { slot, nonceHigh, nonceLow, signatureAt: -1 })
      assert.equal(parseToken(`${token}.signed.so`)?.signatureAt, token.length)
    }),
    parameters(200),
  )
})

t.test('two sessions never have one token', async () => {
  const session = fc.tuple(slot, nonce, nonce)
  fc.assert(
    fc.property(
      session,
      session,
      (a, b) => (formatToken(...a) === formatToken(...b)) === (`${a}` === `${b}`),
    ),
    parameters(1000),
  )
})

t.test('a token with one character changed is no token, or another one', async () => {
  const character = fc.constantFrom(...CHARACTERS)
  fc.assert(
    fc.property(slot, nonce, nonce, fc.nat(), character, (slot, nonceHigh, nonceLow, at, character) => {
      const token = formatToken(slot, nonceHigh, nonceLow)
      const place = at % token.length
      const changed = token.slice(0, place) + character + token.slice(place + 1)
      const parsed = parseToken(changed)
      if (changed === token || parsed === null) return true
      return parsed.slot !== slot || parsed.nonceHigh !== nonceHigh || parsed.nonceLow !== nonceLow
    }),
    parameters(3000),
  )
})

t.test('what has not the form of a token is none, and nothing is thrown', async t => {
  const nonce = 'AAAAAAAAAAAAAAAA'
  for (const text of [
    '',
    '.',
    nonce,
    `.${nonce}`,
    `1000000.${nonce}`,
    `A.${nonce}`,
    `-1.${nonce}`,
    `c.${nonce}A`,
    `c.${nonce.slice(1)}`,
    `c.${nonce.slice(1)}=`,
    `c.é${nonce.slice(1)}`,
    `c.AAAA.AAA${nonce.slice(8)}`,
  ]) {
    t.equal(parseToken(text), null, JSON.stringify(text))
  }
  fc.assert(
    fc.property(fc.string(), text => parseToken(text) === null || text.length > 17),
    parameters(1000),
  )
})
