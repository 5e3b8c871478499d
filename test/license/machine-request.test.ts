import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { calculateJwkThumbprint } from 'jose'
import { test } from 'tap'
import { machineJwkOf, machineThumbprint } from '../../src/license/machine-key.ts'
import {
  createMachineRequest,
  type MachineRequestContent,
  requestMaxBytes,
  requestType,
  verifyMachineRequest,
} from '../../src/license/machine-request.ts'
import { requestProblems } from '../../src/license/request-problems.ts'
import { assembleJws, fixtureNow, machineFingerprint, signJws } from './setting.ts'

const requestId = 'c0ffee00-0000-4000-8000-00000000000a'
const content: MachineRequestContent = {
  product: 'call-services',
  version: '5.1.0',
  installationId: null,
  generation: 0,
  sessions: 10,
  fingerprint: machineFingerprint,
  hostname: 'calls-1.acme.example',
  deactivationOf: null,
}
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const make = (changes: Partial<MachineRequestContent> = {}, now = fixtureNow) =>
  createMachineRequest({ ...content, ...changes }, { privateKey, requestId, now })

const jwk = machineJwkOf(publicKey)
const header = { alg: 'ES256', typ: requestType, jwk }
const payload = { schema: 1, requestId, createdAt: '2026-11-24T12:00:00Z', ...content }

test('a request and what is read from it', async t => {
  const verdict = await verifyMachineRequest(await make(), fixtureNow)
  t.same(verdict, {
    ok: true,
    request: payload,
    jwk,
    jkt: await machineThumbprint(publicKey),
    clockAheadMs: 0,
  })
  t.equal(
    await machineThumbprint(publicKey),
    await calculateJwkThumbprint(publicKey.export({ format: 'jwk' })),
  )
  const text = await make()
  t.match(await verifyMachineRequest(Buffer.from(`${text}\n`), fixtureNow), { ok: true }, 'as a file')
  t.notMatch(text, JSON.stringify(privateKey.export({ format: 'jwk' }).d), 'the private key stays')
})

test('the clock of the machine is reported, not held against it', async t => {
  const ahead = await verifyMachineRequest(await make({}, fixtureNow + 60_000), fixtureNow)
  t.match(ahead, { ok: true, clockAheadMs: 60_000 })
  t.match(await verifyMachineRequest(await make({}, 0), fixtureNow), { ok: true, clockAheadMs: -fixtureNow })
})

test('machines without facts, with an installation, confirming a deactivation', async t => {
  const changes = {
    fingerprint: null,
    installationId: requestId,
    generation: 7,
    sessions: null,
    deactivationOf: requestId,
  }
  t.match(await verifyMachineRequest(await make(changes), fixtureNow), { ok: true, request: changes })
})

test('as many other requests as one may name fit in it', async t => {
  const most = Array.from({ length: 16 }, () => requestId)
  const full = { earlierRequestIds: most, overtakenRequestIds: most, hostname: '東'.repeat(200) }
  t.match(await verifyMachineRequest(await make(full), fixtureNow), { ok: true, request: full })
})

test('a request out of its bounds is not made', async t => {
  for (const changes of [
    { hostname: '' },
    { hostname: 'a'.repeat(201) },
    { sessions: 0 },
    { version: '5 beta' },
    { earlierRequestIds: Array.from({ length: 17 }, () => requestId) },
    { overtakenRequestIds: Array.from({ length: 17 }, () => requestId) },
    { overtakenRequestIds: ['a'.repeat(36)] },
  ]) {
    await t.rejects(make(changes), {
      code: 'request-content-invalid',
      message: /\/(hostname|sessions|version|(earlier|overtaken)RequestIds(\/0)?) /,
    })
  }
})

type Code = keyof typeof requestProblems

test('every way in which a request can be wrong', async t => {
  const seen = new Set<Code>()
  const refuses = async (code: Code, text: string | Uint8Array, message = /./) => {
    const verdict = await verifyMachineRequest(text, fixtureNow)
    if (verdict.ok) return t.fail(`${code} was accepted`)
    seen.add(code)
    t.equal(verdict.problem.code, code)
    t.match(verdict.problem.message, message)
    t.match(verdict.problem.hint, /^[A-Z].*\.$/)
  }
  const signed = (changes: object, head: object = {}) =>
    signJws({ ...payload, ...changes }, { ...header, ...head }, privateKey)
  const good = await make()
  await refuses('request-too-large', 'x'.repeat(requestMaxBytes + 1), /has 16385 bytes/)
  await refuses('request-not-parsable', 'hello')
  await refuses('request-wrong-type', await signed({}, { typ: 'license+jws' }), /type license\+jws/)
  await refuses(
    'request-algorithm-refused',
    assembleJws({ ...header, alg: 'none' }, payload, Buffer.alloc(1)),
  )
  await refuses(
    'request-algorithm-refused',
    assembleJws({ ...header, alg: 'HS256' }, payload, Buffer.alloc(32)),
  )
  await refuses('request-header-refused', await signed({}, { kid: 'mine' }), /"kid"/)
  await refuses('request-signature-invalid', `${good.slice(0, -6)}AAAAAA`)
  await refuses('request-schema-too-new', await signed({ schema: 2 }), /schema 2/)
  await refuses('request-payload-invalid', await signed({ hostname: 7 }), /\/hostname/)
  await refuses('request-payload-invalid', await signed({ createdAt: '2026-02-30T00:00:00Z' }), /\/createdAt/)
  await refuses(
    'request-payload-invalid',
    await signJws('no JSON', header, privateKey),
    /the payload must be object/,
  )
  await refuses('request-payload-invalid', await signJws('null', header, privateKey))
  await refuses('request-key-invalid', await signed({}, { jwk: undefined }))
  const secret = privateKey.export({ format: 'jwk' })
  await refuses('request-key-invalid', await signed({}, { jwk: secret }))
  await refuses('request-key-invalid', await signed({}, { jwk: { ...jwk, crv: 'P-384' } }))
  await refuses('request-key-invalid', await signed({}, { jwk: { ...jwk, use: 'sig' } }))
  const offCurve = { ...jwk, y: jwk.x }
  await refuses('request-key-invalid', assembleJws({ ...header, jwk: offCurve }, payload, Buffer.alloc(64)))
  t.same([...seen].sort(), Object.keys(requestProblems).sort(), 'each code was seen')
})

test("another machine's key does not fit", async t => {
  const stranger: KeyObject = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const forged = await signJws(payload, header, stranger)
  t.match(await verifyMachineRequest(forged, fixtureNow), { problem: { code: 'request-signature-invalid' } })
})

/** The four texts of 43 characters that a lenient reader takes for the same 32 bytes; the canonical one is first. */
function spellings(base64url: string): string[] {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const first = alphabet.indexOf(base64url.at(-1)!)
  return [0, 1, 2, 3].map(bits => base64url.slice(0, -1) + alphabet[first + bits])
}

test('a key that is spelled otherwise is the same key, so that no machine looks like two', async t => {
  const jkt = await machineThumbprint(publicKey)
  const { kty, crv, x, y } = jwk
  for (const other of [
    ...spellings(x).map(x => ({ ...jwk, x })),
    ...spellings(y).map(y => ({ ...jwk, y })),
    { y, x, kty, crv },
  ]) {
    const text = await signJws(payload, { ...header, jwk: other }, privateKey)
    const verdict = await verifyMachineRequest(text, fixtureNow)
    t.match(verdict, { ok: true, jkt, jwk }, JSON.stringify(other))
    t.same(Object.keys(verdict.ok ? verdict.jwk : {}), ['kty', 'crv', 'x', 'y'])
  }
})

test('any other form of a key is refused', async t => {
  const pem = publicKey.export({ type: 'spki', format: 'pem' })
  const der = publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
  const { x, y } = jwk
  const forms: unknown[] = [pem, der, [jwk], { pem }, { ...jwk, x5c: [der] }, { ...jwk, kid: 'other' }]
  // Padding, the other alphabet, white space, a byte before, a byte after, a byte less.
  for (const other of [
    `${x}=`,
    Buffer.from(x, 'base64url').toString('base64'),
    ` ${x}`,
    `${x}\n`,
    `AAAA${x}`,
    `${x}A`,
    x.slice(1),
  ]) {
    forms.push({ ...jwk, x: other })
  }
  forms.push(
    { ...jwk, kty: 'ec' },
    { ...jwk, crv: 'p-256' },
    { ...jwk, crv: 'prime256v1' },
    { ...jwk, y: y + x },
  )
  for (const form of forms) {
    const text = await signJws(payload, { ...header, jwk: form as typeof jwk }, privateKey)
    const code = 'request-key-invalid'
    t.match(
      await verifyMachineRequest(text, fixtureNow),
      { ok: false, problem: { code } },
      JSON.stringify(form),
    )
  }
})

test('a coordinate beyond the prime of the curve is no second spelling of the one below it', async t => {
  // The point of P-256 whose x is 5; with the prime added x still has 32 bytes.
  const x = Buffer.alloc(32)
  x[31] = 5
  const y = Buffer.from('459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c083248fbcc', 'hex')
  const prime = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn
  const beyond = Buffer.from((prime + 5n).toString(16), 'hex')
  const codeOf = async (point: Buffer) => {
    const other = { ...jwk, x: point.toString('base64url'), y: y.toString('base64url') }
    const text = assembleJws({ ...header, jwk: other }, payload, Buffer.alloc(64))
    const verdict = await verifyMachineRequest(text, fixtureNow)
    return verdict.ok ? null : verdict.problem.code
  }
  t.equal(await codeOf(x), 'request-signature-invalid', 'the key is one')
  t.equal(await codeOf(beyond), 'request-key-invalid')
})
