import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { calculateJwkThumbprint } from 'jose'
import { test } from 'tap'
import {
  createMachineRequest,
  type MachineRequestContent,
  machineJwkOf,
  machineThumbprint,
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

test('a request out of its bounds is not made', async t => {
  for (const changes of [
    { hostname: '' },
    { hostname: 'a'.repeat(201) },
    { sessions: 0 },
    { version: '5 beta' },
  ]) {
    await t.rejects(make(changes), {
      code: 'request-content-invalid',
      message: /\/(hostname|sessions|version) /,
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
