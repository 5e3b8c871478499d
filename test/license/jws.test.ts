import { generateKeyPairSync } from 'node:crypto'
import { test } from 'tap'
import { type JwsExpectation, parseJws, signatureHolds } from '../../src/license/jws.ts'
import { assembleJws, signJws } from './setting.ts'

const expected: JwsExpectation = {
  type: 'test+jws',
  algorithm: 'ES256',
  parameters: ['alg', 'typ'],
  maxBytes: 1_000,
}
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const header = { alg: 'ES256', typ: 'test+jws' }
const good = await signJws({ hello: 'world' }, header, privateKey)

const flawOf = (input: string | Uint8Array) => {
  const jws = parseJws(input, expected)
  return jws.ok ? null : jws.flaw
}

test('a document of the expected kind', async t => {
  t.match(parseJws(good, expected), { ok: true, text: good, header, payload: { hello: 'world' } })
  t.match(parseJws(`\r\n ${good}\t\n`, expected), { ok: true, text: good }, 'white space around it')
  t.match(parseJws(Buffer.from(good), expected), { ok: true, text: good }, 'as bytes')
  t.match(parseJws(await signJws('no JSON', header, privateKey), expected), { ok: true, payload: undefined })
})

test('size is looked at first', async t => {
  t.same(flawOf('x'.repeat(1_001)), { kind: 'too-large', bytes: 1_001 })
  t.same(flawOf('ü'.repeat(501)), { kind: 'too-large', bytes: 1_002 })
  t.same(flawOf(new Uint8Array(1_001)), { kind: 'too-large', bytes: 1_001 })
  t.match(flawOf('x'.repeat(1_000)), { kind: 'not-parsable' })
})

test('texts that are no document', async t => {
  const [head, payload, signature] = good.split('.') as [string, string, string]
  for (const text of [
    '',
    '.',
    '..',
    'hello',
    `${head}.${payload}`,
    `${good}.${signature}`,
    `${head}.${payload}.`,
    `.${payload}.${signature}`,
    `${head}..${signature}`,
    `${head}=.${payload}.${signature}`,
    `${head}.${payload}.${signature}=`,
    `${head}.${payload} .${signature}`,
    `${head}.${payload}.${signature.replace(/.$/, last => (last === 'B' ? 'C' : 'B'))}`,
    `\uFEFF${good}`,
    `${Buffer.from('[]').toString('base64url')}.${payload}.${signature}`,
    `${Buffer.from('null').toString('base64url')}.${payload}.${signature}`,
    `${Buffer.from('7').toString('base64url')}.${payload}.${signature}`,
    `${Buffer.from('{').toString('base64url')}.${payload}.${signature}`,
  ]) {
    t.match(flawOf(text), { kind: 'not-parsable', why: /./ }, JSON.stringify(text.slice(0, 60)))
  }
  t.match(flawOf(Buffer.from([0xff, 0xfe, 0x00])), { kind: 'not-parsable' })
})

test('headers that are refused', async t => {
  const flaw = (fields: object) => flawOf(assembleJws(fields, {}, Buffer.alloc(64)))
  t.same(flaw({ alg: 'ES256' }), { kind: 'wrong-type', type: 'none' })
  t.same(flaw({ ...header, typ: 'JWT' }), { kind: 'wrong-type', type: 'JWT' })
  t.same(flaw({ ...header, typ: { toString: 1 } }), { kind: 'wrong-type', type: '{"toString":1}' })
  for (const alg of ['none', 'HS256', 'RS256', 'PS512', 'es256', 'EdDSA']) {
    t.same(flaw({ ...header, alg }), { kind: 'algorithm-refused', algorithm: alg })
  }
  t.same(flaw({ typ: 'test+jws' }), { kind: 'algorithm-refused', algorithm: 'none' })
  t.same(flaw({ ...header, alg: ['ES256'] }), { kind: 'algorithm-refused', algorithm: '["ES256"]' })
  for (const parameter of [
    'jku',
    'jwk',
    'x5u',
    'x5c',
    'x5t',
    'kid',
    'crit',
    'b64',
    'zip',
    'cty',
    'anything',
  ]) {
    t.same(flaw({ ...header, [parameter]: 'x' }), { kind: 'parameter-refused', parameter })
  }
  t.same(
    flaw({ ...header, alg: '\u001b[31m' }),
    { kind: 'algorithm-refused', algorithm: '\\u001b[31m' },
    'escaped',
  )
  t.match(flaw({ ...header, alg: 'x'.repeat(500) }), { algorithm: /^x{60}$/ }, 'and bounded')
})

test('signatures', async t => {
  const parse = (text: string) => {
    const jws = parseJws(text, expected)
    if (!jws.ok) throw new Error(jws.flaw.kind)
    return jws
  }
  t.equal(await signatureHolds(parse(good), publicKey, 'ES256'), true)
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  t.equal(await signatureHolds(parse(good), stranger.publicKey, 'ES256'), false)
  t.equal(await signatureHolds(parse(assembleJws(header, {}, Buffer.alloc(64))), publicKey, 'ES256'), false)
  t.equal(await signatureHolds(parse(assembleJws(header, {}, Buffer.alloc(1))), publicKey, 'ES256'), false)
  const rsa = generateKeyPairSync('rsa', { modulusLength: 3072 })
  t.equal(await signatureHolds(parse(good), rsa.publicKey, 'ES256'), false, 'a key of another kind')
})
