import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { Value } from 'typebox/value'
import { Token } from '../../src/protocol/schemas.ts'
import { signToken, type TokenSigner, verifySignedToken } from '../../src/session/signed-token.ts'
import { formatToken, parseToken } from '../../src/session/token.ts'
import { parameters } from '../property.ts'
import { randomNonce } from './setting.ts'

const signer = { key: new Uint8Array(32).fill(9), instanceId: 'b0d3f5a2c19e4477', era: 0 }
const session = { application: 'ivr', key: 'call-81f0@10.0.0.7', grantedAt: 12345.678 }
const plain = formatToken(12, randomNonce(), randomNonce())
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

function verify(token: string, by: TokenSigner = signer) {
  const parsed = parseToken(token)
  return parsed === null ? null : verifySignedToken(token, parsed, by)
}

t.test('a signed token proves its session', async t => {
  const token = signToken(plain, session, signer)
  t.ok(token.startsWith(`${plain}.`))
  t.strictSame(verify(token), session)
})

t.test('another key, another run or an earlier era proves nothing', async t => {
  const token = signToken(plain, session, signer)
  t.equal(verify(token, { ...signer, key: new Uint8Array(32) }), null)
  t.equal(verify(token, { ...signer, instanceId: 'b0d3f5a2c19e4478' }), null)
  t.equal(verify(token, { ...signer, era: 1 }), null)
  t.strictSame(verify(token, { ...signer, era: null }), session, 'unless nobody knows the era')
})

t.test('what is not whole proves nothing', async t => {
  const [slot, nonce, payload, mac] = signToken(plain, session, signer).split('.')
  for (const token of [
    plain,
    `${plain}.`,
    `${plain}..`,
    `${plain}.${payload}`,
    `${plain}.${payload}.`,
    `${plain}.${mac}`,
    `${plain}.${payload}.${mac}A`,
    `${plain}.${payload}.${mac!.slice(1)}`,
    `${slot}.${[...nonce!].reverse().join('')}.${payload}.${mac}`,
  ]) {
    t.equal(verify(token), null, token)
  }
})

t.test('one character changed, and it proves nothing', async t => {
  const token = signToken(plain, session, signer)
  for (let place = 0; place < token.length; place++) {
    for (const character of `${BASE64URL}.=~`) {
      const changed = token.slice(0, place) + character + token.slice(place + 1)
      if (changed !== token && verify(changed) !== null) t.fail(`${changed} is believed`)
    }
  }
  for (const more of ['=', '==', '.', 'A']) t.equal(verify(token + more), null)
})

t.test('whatever the client called its session, the token keeps to its bound', async t => {
  const key = fc.string({
    unit: fc.integer({ min: 0x21, max: 0x7e }).map(code => String.fromCharCode(code)),
    minLength: 1,
    maxLength: 128,
  })
  fc.assert(
    fc.property(key, fc.double({ min: 0, max: 1e12, noNaN: true }), (key, grantedAt) => {
      const one = { application: 'ivr', key, grantedAt: grantedAt + 0 }
      assert.deepEqual(verify(signToken(plain, one, signer)), one)
    }),
    parameters(200),
  )
  const longest = { application: 'a'.repeat(63), key: '"'.repeat(128), grantedAt: 123456789012.25 }
  t.ok(Value.Check(Token, signToken(formatToken(36 ** 6 - 1, 0, 0), longest, signer)))
})
