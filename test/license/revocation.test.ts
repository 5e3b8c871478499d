import { test } from 'tap'
import { keySha256 } from '../../src/license/chain.ts'
import {
  type RevocationList,
  revocationListMaxBytes,
  revocationListType,
  revokedKeys,
  verifyRevocationList,
} from '../../src/license/revocation.ts'
import { issuingExtensions, makeCertificate, makeRsa, rootExtensions, x5cOf } from './certificate-factory.ts'
import { signJws } from './setting.ts'

const rootKey = makeRsa()
const root = makeCertificate({ subject: 'Root', key: rootKey, extensions: rootExtensions })
const otherRootKey = makeRsa()
const otherRoot = makeCertificate({ subject: 'Other Root', key: otherRootKey, extensions: rootExtensions })
const issuingKey = makeRsa()
const issuing = makeCertificate({
  subject: 'Issuing',
  key: issuingKey,
  issuer: { subject: 'Root', key: rootKey },
  extensions: issuingExtensions,
})

const list: RevocationList = {
  schema: 1,
  root: keySha256(root),
  number: 7,
  issuedAt: '2026-11-20T08:00:00Z',
  revoked: [
    {
      keySha256: keySha256(issuing),
      serialNumber: issuing.serialNumber,
      revokedAt: '2026-11-20T08:00:00Z',
      reason: 'Stolen',
    },
  ],
}
const header = { alg: 'PS256', typ: revocationListType }
const sign = (changes: object = {}, head: object = {}, key = rootKey) =>
  signJws({ ...list, ...changes }, { ...header, ...head }, key.privateKey)
const judge = (text: string, current: RevocationList[] = []) =>
  verifyRevocationList(text, [otherRoot, root], current)

test('a list that a root signed', async t => {
  t.same(await judge(await sign()), { ok: true, list })
  t.same(revokedKeys([list, { ...list, revoked: [] }]), new Set([keySha256(issuing)]))
  t.match(await judge(await sign({ revoked: [] })), { ok: true })
})

test('the higher number is the newer list', async t => {
  t.match(await judge(await sign(), [{ ...list, number: 6 }]), { ok: true })
  t.match(await judge(await sign(), [list]), { ok: true }, 'the same again')
  t.match(await judge(await sign(), [{ ...list, number: 8 }]), {
    problem: { code: 'revocation-list-outdated', message: /list 7; list 8/ },
  })
  t.match(
    await judge(await sign(), [{ ...list, root: keySha256(otherRoot), number: 8 }]),
    { ok: true },
    'roots count apart',
  )
})

test('a stolen issuing key can neither make a list nor empty one', async t => {
  const own = await sign({ number: 8, revoked: [] }, {}, issuingKey)
  t.match(await judge(own), { problem: { code: 'revocation-list-untrusted' } })
  const withChain = await sign({ number: 8, revoked: [] }, { x5c: x5cOf(issuing) }, issuingKey)
  t.match(await judge(withChain), { problem: { code: 'revocation-list-unreadable', message: /"x5c"/ } })
})

test('lists that are refused', async t => {
  const refuses = async (text: string, code: string, message: RegExp) =>
    t.match(await judge(text), { ok: false, problem: { code, message, hint: /`sessionctl reactivate`/ } })
  await refuses('x'.repeat(revocationListMaxBytes + 1), 'revocation-list-unreadable', /1048577 bytes/)
  await refuses('hello', 'revocation-list-unreadable', /not a revocation list/)
  await refuses(await sign({}, { typ: 'license+jws' }), 'revocation-list-unreadable', /type license\+jws/)
  await refuses(await sign({}, { alg: 'RS256' }), 'revocation-list-unreadable', /RS256/)
  await refuses(await sign({ number: 0 }), 'revocation-list-invalid', /\/number/)
  await refuses(await sign({ schema: 2 }), 'revocation-list-invalid', /\/schema/)
  await refuses(await sign({ root: keySha256(otherRoot) }), 'revocation-list-invalid', /\/root must name/)
  await refuses(await sign({}, {}, otherRootKey), 'revocation-list-invalid', /\/root must name/)
  t.match(await verifyRevocationList(await sign(), []), { problem: { code: 'revocation-list-untrusted' } })
})
