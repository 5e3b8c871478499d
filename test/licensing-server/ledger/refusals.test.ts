import t from 'tap'
import { type RefusalCode, refusal, refusals } from '../../../src/licensing-server/ledger/refusals.ts'
import { representative } from '../vendor.ts'

/** Values for every placeholder that a refusal has. */
const values = {
  expected: 'a request',
  found: 'a confirmation',
  units: 1,
  unit: 'sessions',
  licensedAt: '2026-11-24T12:00:00Z',
  why: 'it has 5 characters',
  keyId: 'ABC123',
  representative,
  installationId: 'c0ffee00-0000-4000-8000-000000000002',
  product: 'studio',
  licensed: 'call-services',
  version: '6.0.0',
  from: '5.0',
  to: '5.x',
  asked: 2,
  owned: 10,
  available: 3,
  needed: 4,
  total: 10,
  expiredAt: '2026-11-24T12:00:00Z',
  explanation: 'This is another machine.',
  licenseId: 'c0ffee00-0000-4000-8000-000000000001',
}

t.test('every refusal says what and what to do, in sentences without gaps', async t => {
  for (const code of Object.keys(refusals) as RefusalCode[]) {
    const { message, hint, representative: whom } = refusal(code, values as never)
    for (const sentence of [message, hint, refusals[code].title]) {
      t.match(sentence, /^[A-Z].*[.]$/, `${code}: ${sentence}`)
      t.notMatch(sentence, /undefined|null|\$\{|\[object/, `${code}: ${sentence}`)
    }
    if (refusals[code].describe.toString().includes('of.representative')) {
      t.strictSame(whom, representative, code)
      t.match(hint, 'Ada Lovelace (ada@vendor.example, +44 20 7946 0000)', code)
    }
  }
})

t.test('a representative without a phone, numbers of one and of many', async t => {
  const of = { ...values, representative: { ...representative, phone: null } } as never
  t.match(refusal('other-machine', of).hint, 'Ada Lovelace (ada@vendor.example)')
  t.match(refusal('pool-exhausted', { ...values, available: 1, total: 1 } as never), {
    message: 'The pool of 1 session has 1 session left; 4 are needed.',
    hint: /^Ask for at most 11 in all, 10 of which /,
    pool: { available: 1, needed: 4, total: 1, unit: 'sessions' },
  })
  t.match(refusal('pool-exhausted', { ...values, available: 0 } as never), {
    message: 'The pool of 10 sessions has none left; 4 more are needed.',
    hint: /^Ask your account representative, Ada .* to add sessions\.$/,
  })
  t.equal(
    refusal('installation-unknown', { installationId: null }).message.includes('names no installation'),
    true,
  )
})
