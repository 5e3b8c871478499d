import t from 'tap'
import { createKey, revokeKey } from '../../../src/licensing-server/ledger/keys.ts'
import type { LedgerChange, PoolTerms } from '../../../src/licensing-server/ledger/model.ts'
import { addUnits, changeTerms, openPool, putCustomer } from '../../../src/licensing-server/ledger/pools.ts'
import { blockInstallation, clearInstallation } from '../../../src/licensing-server/ledger/standing.ts'
import {
  cancelTransfer,
  forceTransfer,
  startTransfer,
} from '../../../src/licensing-server/ledger/transfers.ts'
import { poolTerms, representative } from '../vendor.ts'
import { act, customer, makeInstallation, makeIssue, makeKey, makePool, makeTransfer } from './setting.ts'

const typesOf = (change: LedgerChange) => change.events.map(({ stream, type }) => `${stream} ${type}`)
const situation = (changes: Partial<ReturnType<typeof makeInstallation>> = {}) => ({
  customer,
  pool: makePool(),
  installation: makeInstallation(changes),
  issue: makeIssue(),
  transfer: null,
})

t.test('customers', async t => {
  const of = { customerId: 'acme', name: 'Acme', representative }
  t.strictSame(typesOf(putCustomer(null, of, act)), ['vendor customer-added'])
  const changed = putCustomer(customer, { ...of, name: 'Acme AG' }, { ...act, now: act.now + 1 })
  t.match(changed, { customer: { name: 'Acme AG', revision: 1, createdAt: act.now } })
  t.strictSame(typesOf(changed), ['vendor customer-changed'])
  const wrong = [
    { ...of, customerId: 'no spaces' },
    { ...of, name: '' },
    { ...of, name: 'bell\u0007' },
    { ...of, representative: { ...representative, email: 'nobody' } },
    { ...of, representative: { ...representative, phone: '' } },
  ]
  for (const one of wrong) t.throws(() => putCustomer(null, one, act), { code: 'customer-invalid' })
})

t.test('pools', async t => {
  const of = { poolId: 'p', product: 'studio' as const, total: 5, terms: poolTerms }
  t.strictSame(typesOf(openPool(customer, of, act)), ['vendor pool-registered', 'pool/p pool-opened'])
  t.throws(() => openPool(customer, { ...of, poolId: '/' }, act), { code: 'pool-invalid' })
  for (const total of [0, 1.5, 1_000_001, Number.NaN]) {
    t.throws(() => openPool(customer, { ...of, total }, act), { code: 'pool-invalid' })
  }
  const pool = makePool({ total: 999_999 })
  t.equal(addUnits(pool, 1, act).pool?.total, 1_000_000)
  for (const units of [0, -1, 2, 0.5]) t.throws(() => addUnits(pool, units, act), { code: 'pool-invalid' })
})

t.test('terms are held against the schema of the license that they will stand in', async t => {
  const changed = changeTerms(makePool(), { features: ['recording'], graceDays: 3 }, act)
  t.match(changed.pool?.terms, { ...poolTerms, features: ['recording'], graceDays: 3 })
  t.equal(changed.pool?.claimed, 10)
  const wrong: Partial<PoolTerms>[] = [
    { graceDays: -1 },
    { features: ['Not A Slug'] },
    { versions: { from: 'x', to: '5.x' } },
    { versions: { from: '6', to: '5.x' } },
    { versions: { from: '5.2', to: '5.1' } },
    { reactivation: { intervalHours: 0, requiredWithinDays: null } },
    { expiresAt: '2027-12-31' },
    { expiresAt: '2027-02-30T23:59:59Z' },
  ]
  for (const one of wrong) t.throws(() => changeTerms(makePool(), one, act), { code: 'terms-invalid' })
})

t.test('keys', async t => {
  t.match(createKey(makePool(), makeKey(), 'for Berlin', act), {
    key: { keyId: 'ABC123', poolId: 'pool-1', label: 'for Berlin', transferId: null, revision: 0 },
    events: [{ type: 'key-created', data: { keyId: 'ABC123', label: 'for Berlin' } }],
  })
  t.throws(() => createKey(makePool(), makeKey(), '', act), { code: 'key-invalid' })
  t.match(revokeKey(makeKey(), act), { key: { revokedAt: act.now } })
  t.throws(() => revokeKey(makeKey({ revokedAt: 1 }), act), { code: 'key-already-revoked' })
})

t.test('standings', async t => {
  const of = (standing: 'good' | 'clone-suspected' | 'cleared' | 'blocked') => makeInstallation({ standing })
  for (const standing of ['clone-suspected', 'blocked'] as const) {
    t.match(clearInstallation(of(standing), 'They called.', act), {
      installation: { standing: 'cleared' },
      events: [{ by: 'ada', data: { from: standing, to: 'cleared', note: 'They called.' } }],
    })
  }
  for (const standing of ['good', 'cleared'] as const) {
    t.throws(() => clearInstallation(of(standing), 'Why.', act), { code: 'nothing-to-clear' })
  }
  for (const standing of ['good', 'clone-suspected', 'cleared'] as const) {
    t.match(blockInstallation(of(standing), 'Why.', act), { installation: { standing: 'blocked' } })
  }
  t.throws(() => blockInstallation(of('blocked'), 'Why.', act), { code: 'already-blocked' })
  for (const note of ['', ' \n', 'x'.repeat(2_001)]) {
    t.throws(() => blockInstallation(of('good'), note, act), { code: 'note-invalid' })
    t.throws(() => clearInstallation(of('blocked'), note, act), { code: 'note-invalid' })
  }
})

t.test('transfers', async t => {
  const fresh = { transferId: 'transfer-1', key: makeKey({ keyId: '7RANSF' }) }
  const started = startTransfer(situation(), fresh, act)
  t.match(started, {
    installation: { state: 'leaving', units: 10 },
    transfer: { state: 'leaving', units: 0 },
    key: { keyId: '7RANSF', transferId: 'transfer-1', label: 'transfer of call-1', revision: 0 },
  })
  t.throws(() => startTransfer(situation({ state: 'leaving' }), fresh, act), {
    code: 'installation-not-active',
    message: /is leaving\.$/,
  })
  const left = { ...situation({ state: 'deactivated' }), transfer: makeTransfer() }
  t.throws(() => startTransfer(left, fresh, act), { message: /is deactivated by transfer transfer-1\.$/ })

  const forced = forceTransfer(situation(), fresh, ' It burnt. ', act)
  t.match(forced, {
    installation: { state: 'deactivated', units: 0 },
    transfer: { state: 'waiting', units: 10, declaration: 'It burnt.' },
    key: { keyId: '7RANSF' },
  })
  t.strictSame(
    forced.events.map(({ type }) => type),
    ['transfer-started', 'key-created', 'leaving', 'transfer-released', 'deactivated'],
  )
  const leaving = { ...situation({ state: 'leaving' }), transfer: makeTransfer() }
  const continued = forceTransfer(leaving, fresh, 'It burnt.', act)
  t.equal(continued.key, undefined)
  t.strictSame(
    continued.events.map(({ type }) => type),
    ['transfer-released', 'deactivated'],
  )
  for (const declaration of [' ', 'x'.repeat(2001)]) {
    t.throws(() => forceTransfer(situation(), fresh, declaration, act), { code: 'declaration-invalid' })
  }

  t.match(cancelTransfer(leaving, makeTransfer(), makeKey(), act), {
    installation: { state: 'active', units: 10 },
    transfer: { state: 'cancelled' },
    key: { revokedAt: act.now },
  })
  for (const state of ['waiting', 'completed', 'cancelled'] as const) {
    t.throws(() => cancelTransfer(leaving, makeTransfer({ state }), makeKey(), act), {
      code: 'transfer-not-cancellable',
    })
  }
})
