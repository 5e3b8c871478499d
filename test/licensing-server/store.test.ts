import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { fingerprintOf } from '../../src/license/fingerprint.ts'
import { createKey } from '../../src/licensing-server/ledger/keys.ts'
import type { LedgerChange, Pool } from '../../src/licensing-server/ledger/model.ts'
import { addUnits, changeTerms, openPool, putCustomer } from '../../src/licensing-server/ledger/pools.ts'
import { openLedger } from '../../src/licensing-server/store/open.ts'
import { type LedgerStore, pageSize } from '../../src/licensing-server/store/store.ts'
import { onEachStore } from './each-store.ts'
import { act, jktOf, makeInstallation, makeIssue, makeKey, makeTransfer } from './ledger/setting.ts'
import { poolTerms, randomFacts, representative } from './vendor.ts'

async function withPool(store: LedgerStore, total = 100): Promise<Pool> {
  await store.commit(putCustomer(null, { customerId: 'acme', name: 'Acme', representative }, act))
  const customer = (await store.customer('acme'))!
  const of = { poolId: 'pool-1', product: 'call-services' as const, total, terms: poolTerms }
  await store.commit(openPool(customer, of, act))
  return (await store.pool('pool-1'))!
}

const installationId = 'c0ffee00-0000-4000-8000-000000000002'
const newInstallation = (changes = {}) => makeInstallation({ revision: 0, ...changes })

onEachStore('what is written is read as it was', async (t, ledger) => {
  const store = await ledger.open()
  const pool = await withPool(store)
  t.match(pool, { total: 100, claimed: 0, terms: poolTerms, revision: 1, createdAt: act.now })
  const installation = newInstallation({ fingerprint: fingerprintOf(randomFacts()) })
  const issue = makeIssue()
  const key = makeKey({ revision: 0, keyId: '7RANSF', transferId: 'transfer-1' })
  const transfer = makeTransfer({ revision: 0, deactivationLicenseIds: ['a', 'b'] })
  const claim = { poolId: 'pool-1', revision: 1, taken: 10 }
  const signed = { ...issue, license: 'header.payload.signature' }
  const change = { claim, installation, machineChanged: true, issue: signed, key, transfer, events: [] }
  t.equal(await store.commit(change), true)
  t.strictSame(await store.situation(installationId), {
    customer: await store.customer('acme'),
    pool: { ...pool, claimed: 10 },
    installation: { ...installation, revision: 1 },
    issue,
    transfer: { ...transfer, revision: 1 },
  })
  t.equal(await store.issuedLicense(issue.licenseId, installationId), signed.license)
  t.strictSame(await store.key('7RANSF'), { ...key, revision: 1 })
  t.strictSame(await store.transfer('transfer-1'), { ...transfer, revision: 1 })
  t.strictSame(await store.installations(), [{ ...installation, revision: 1 }])
  for (const nothing of [
    store.customer('x'),
    store.pool('x'),
    store.key('x'),
    store.situation('x'),
    store.transfer('x'),
    store.issuedLicense('x', installationId),
    store.issuedLicense(issue.licenseId, 'x'),
  ]) {
    t.equal(await nothing, null)
  }
})

onEachStore('a cancelled transfer is not part of the situation', async (t, ledger) => {
  const store = await ledger.open()
  await withPool(store)
  await store.commit({ installation: newInstallation(), events: [] })
  t.match(await store.situation(installationId), { transfer: null, issue: null })
  const cancelled = makeTransfer({ revision: 0, state: 'cancelled' })
  await store.commit({ transfer: cancelled, events: [] })
  t.match(await store.situation(installationId), { transfer: null })
  await store.commit({ transfer: makeTransfer({ revision: 0, transferId: 'transfer-2' }), events: [] })
  t.match(await store.situation(installationId), { transfer: { transferId: 'transfer-2' } })
  const second = makeTransfer({ revision: 0, transferId: 'transfer-3' })
  t.equal(await store.commit({ transfer: second, events: [] }), false, 'one transfer at a time')
  t.match(await store.transfers({ poolId: 'pool-1' }), { length: 2 })
  t.match(await store.transfers({ state: 'leaving' }), [{ transferId: 'transfer-2' }])
})

onEachStore('nothing is written where a row has changed since it was read', async (t, ledger) => {
  const store = await ledger.open()
  const pool = await withPool(store)
  const first = addUnits(pool, 1, act)
  const second = addUnits(pool, 2, act)
  t.equal(await store.commit(first), true)
  t.equal(await store.commit(second), false)
  t.match(await store.pool('pool-1'), { total: 101, revision: 2 })
  t.equal((await store.latestEvents('pool/pool-1', 10)).length, 2, 'nor an event')

  const claim = { poolId: 'pool-1', revision: 1, taken: 1 }
  const changes: Record<string, LedgerChange> = {
    'a claim on terms of before': { claim, events: [] },
    'a customer of before': putCustomer(
      { ...(await store.customer('acme'))!, revision: 7 },
      { customerId: 'acme', name: 'A', representative },
      act,
    ),
    'a customer that there is': putCustomer(null, { customerId: 'acme', name: 'A', representative }, act),
    'an installation of before': { installation: makeInstallation(), events: [] },
    'a key that is not as it was': { premises: { key: { keyId: 'ABC123', revision: 1 } }, events: [] },
  }
  for (const [what, change] of Object.entries(changes)) t.equal(await store.commit(change), false, what)
})

onEachStore('claims add up, whoever comes first, and never above the total', async (t, ledger) => {
  const stores = [await ledger.open(), await ledger.open()]
  await withPool(stores[0]!, 100)
  const claim = { poolId: 'pool-1', revision: 1, taken: 3 }
  const written = await Promise.all(
    Array.from({ length: 40 }, (_, number) => stores[number % 2]!.commit({ claim, events: [] })),
  )
  t.equal(written.filter(Boolean).length, 33)
  t.match(await stores[0]!.pool('pool-1'), { claimed: 99, revision: 1 })
  t.equal(await stores[0]!.commit({ claim: { ...claim, taken: 1 }, events: [] }), true)
  await t.rejects(ledger.tamper(`update pool set claimed = 101`), 'the database itself refuses')
})

onEachStore('a change of a batch that fails harms no other', async (t, ledger) => {
  const store = await ledger.open()
  const pool = await withPool(store)
  const orphan = { ...makeIssue({ installationId: 'nobody' }), license: 'header.payload.signature' }
  const outcomes = await Promise.allSettled([
    store.commit(createKey(pool, { keyId: 'AAAAAA', secretHash: '' }, 'a', act)),
    store.commit({ issue: orphan, events: [] }),
    store.commit({ claim: { poolId: 'pool-1', revision: 9, taken: 1 }, events: [] }),
    store.commit(createKey(pool, { keyId: 'BBBBBB', secretHash: '' }, 'b', act)),
  ])
  t.match(outcomes, [
    { value: /true|false/ },
    { status: 'rejected' },
    { value: false },
    { value: /true|false/ },
  ])
  const written = outcomes.filter(outcome => outcome.status === 'fulfilled' && outcome.value).length
  t.equal((await store.keys({ poolId: 'pool-1' })).length, written)
})

onEachStore('one stream has one next event', async (t, ledger) => {
  const stores = [await ledger.open(), await ledger.open()]
  const pool = await withPool(stores[0]!)
  const made = ['AAAAAA', 'BBBBBB', 'CCCCCC', 'DDDDDD', 'EEEEEE', 'FFFFFF']
  let waiting = made
  for (let round = 0; waiting.length > 0 && round < 20; round++) {
    const written = await Promise.all(
      waiting.map((keyId, index) =>
        stores[index % 2]!.commit(createKey(pool, { keyId, secretHash: '' }, keyId, act)),
      ),
    )
    t.ok(written.some(Boolean), 'each round at least one of them is written')
    waiting = waiting.filter((_, index) => !written[index])
  }
  const events = await stores[0]!.latestEvents('pool/pool-1', 100)
  t.strictSame(
    events.map(({ sequence }) => sequence),
    [1, 2, 3, 4, 5, 6, 7],
  )
  t.strictSame(
    (await stores[1]!.keys()).map(({ keyId }) => keyId),
    made,
  )
})

onEachStore('machines are found by key and by each strong fact', async (t, ledger) => {
  const store = await ledger.open()
  await withPool(store)
  const facts = { ...randomFacts(), macs: ['02:00:00:00:00:01', '02:00:00:00:00:02'] }
  await store.commit({
    installation: newInstallation({ fingerprint: fingerprintOf(facts) }),
    machineChanged: true,
    events: [],
  })
  const search = { customerId: 'acme', product: 'call-services' as const, jkt: jktOf('other') }
  const found = async (changes: object) =>
    (await store.candidates({ ...search, fingerprint: null, ...changes })).map(row => row.installationId)
  const strange = randomFacts()
  t.strictSame(await found({}), [])
  t.strictSame(await found({ fingerprint: fingerprintOf(strange) }), [])
  t.strictSame(await found({ jkt: jktOf('first') }), [installationId])
  for (const fact of [
    { machineId: facts.machineId },
    { productUuid: facts.productUuid },
    { macs: facts.macs.slice(1) },
  ]) {
    t.strictSame(await found({ fingerprint: fingerprintOf({ ...strange, ...fact }) }), [installationId])
  }
  const fits = { fingerprint: fingerprintOf(facts), jkt: jktOf('first') }
  t.strictSame(await found(fits), [installationId], 'once')
  t.strictSame(await found({ ...fits, customerId: 'bell' }), [])
  t.strictSame(await found({ ...fits, product: 'studio' }), [])

  const { installation } = (await store.situation(installationId))!
  const changed = { ...installation, fingerprint: fingerprintOf(strange) }
  await store.commit({ installation: changed, machineChanged: true, events: [] })
  t.strictSame(await found({ fingerprint: fingerprintOf(facts) }), [])
  t.strictSame(await found({ fingerprint: fingerprintOf(strange) }), [installationId])
  const { installation: again } = (await store.situation(installationId))!
  await store.commit({ installation: { ...again, state: 'deactivated' }, events: [] })
  t.strictSame(await found({ fingerprint: fingerprintOf(strange), jkt: jktOf('first') }), [])
})

onEachStore(
  'a new installation is not written where another one may be the same machine',
  async (t, ledger) => {
    const store = await ledger.open()
    await withPool(store)
    const fingerprint = fingerprintOf(randomFacts())
    await store.commit({ installation: newInstallation({ fingerprint }), machineChanged: true, events: [] })
    const search = {
      customerId: 'acme',
      product: 'call-services' as const,
      jkt: jktOf('second'),
      fingerprint,
    }
    const change = {
      installation: newInstallation({ installationId: 'second', jkt: jktOf('second'), fingerprint }),
      machineChanged: true,
      events: [],
    }
    t.equal(await store.commit({ ...change, premises: { machine: { ...search, seen: [] } } }), false)
    t.equal(
      await store.commit({ ...change, premises: { machine: { ...search, seen: [installationId] } } }),
      true,
    )
  },
)

onEachStore('revocation lists only become newer', async (t, ledger) => {
  const store = await ledger.open()
  const list = (root: string, number: number) => ({
    revocationList: { root, number, text: `${number}` },
    events: [],
  })
  t.equal(await store.commit(list('a', 2)), true)
  t.equal(await store.commit(list('b', 1)), true)
  t.equal(await store.commit(list('a', 2)), false)
  t.equal(await store.commit(list('a', 1)), false)
  t.equal(await store.commit(list('a', 3)), true)
  t.match(await store.revocationLists(), [
    { root: 'a', number: 3, text: '3' },
    { root: 'b', number: 1, text: '1' },
  ])
})

onEachStore('long listings come in pages', async (t, ledger) => {
  const store = await ledger.open()
  await withPool(store)
  const total = pageSize + 1
  const keyIds = Array.from({ length: total }, (_, number) => String(number).padStart(6, '0'))
  await Promise.all(keyIds.map(keyId => store.commit({ key: makeKey({ keyId, revision: 0 }), events: [] })))
  const first = await store.keys({ poolId: 'pool-1' })
  t.equal(first.length, pageSize)
  const rest = await store.keys({ poolId: 'pool-1', after: first.at(-1)!.keyId })
  t.strictSame(
    rest.map(({ keyId }) => keyId),
    [String(total - 1).padStart(6, '0')],
  )
  t.strictSame(
    (await store.customers({ after: '' })).map(({ customerId }) => customerId),
    ['acme'],
  )
  t.strictSame(await store.customers({ after: 'acme' }), [])
  t.strictSame((await store.pools({ customerId: 'acme' })).length, 1)
  t.strictSame(await store.pools({ customerId: 'bell' }), [])
  for (const filter of [
    { customerId: 'bell' },
    { poolId: 'x' },
    { product: 'studio' as const },
    { standing: 'blocked' as const },
    { state: 'leaving' as const },
  ]) {
    t.strictSame(await store.installations(filter), [])
  }
})

onEachStore('the events are append-only', async (t, ledger) => {
  const store = await ledger.open()
  await withPool(store)
  await t.rejects(ledger.tamper(`update event set hash = 'x'`), /append-only/)
  await t.rejects(ledger.tamper('delete from event'), /append-only/)
  t.equal((await store.latestEvents('vendor', 10)).length, 2)
})

onEachStore('what looks like SQL is a name that nobody has', async (t, ledger) => {
  const store = await ledger.open()
  const name = "Robert'); DROP TABLE customers;--"
  await store.commit(putCustomer(null, { customerId: 'acme', name, representative }, act))
  t.equal((await store.customer('acme'))?.name, name, 'a name is kept as it is')
  for (const id of ["' OR '1'='1", "acme' --", 'acme"; DELETE FROM customers; --', "\\' OR 1=1 --"]) {
    t.equal(await store.customer(id), null, id)
    t.equal(await store.pool(id), null)
    t.equal(await store.key(id), null)
    t.strictSame(await store.pools({ customerId: id }), [])
    t.strictSame(await store.installations({ customerId: id }), [])
  }
  t.equal((await store.customers()).length, 1)
})

onEachStore('a snapshot sees one instant', async (t, ledger) => {
  const store = await ledger.open()
  const pool = await withPool(store)
  await store.snapshot(async reader => {
    t.match(await reader.pool('pool-1'), { total: 100 })
    await store.commit(addUnits(pool, 5, act))
    t.match(await reader.pool('pool-1'), { total: 100 })
    t.match(await store.pool('pool-1'), { total: 105 })
  })
})

onEachStore(
  'a schema newer than the program is refused; one that is there is left alone',
  async (t, ledger) => {
    const store = await ledger.open()
    const pool = await withPool(store)
    const again = await ledger.open()
    t.strictSame(await again.pool('pool-1'), pool)
    t.match(changeTerms(pool, {}, act).pool, { poolId: 'pool-1' })
    await ledger.tamper(`insert into schema_migration values (99, 'of tomorrow', 0)`)
    await t.rejects(ledger.open(), {
      code: 'ledger-schema-newer',
      message: /^The ledger has schema 99; this program knows schemas up to \d+\.$/,
    })
    await store.ping()
  },
)

onEachStore('servers that start together make one schema', async (t, ledger) => {
  const stores = await Promise.all(Array.from({ length: 4 }, () => ledger.open()))
  await withPool(stores[0]!)
  t.match(await stores[3]!.pool('pool-1'), { total: 100 })
})

t.test('a ledger that cannot be opened says so', async t => {
  const folder = t.testdir({})
  await t.rejects(openLedger(join(folder, 'no-folder', 'ledger.sqlite')), {
    code: 'ledger-unavailable',
    hint: /this user may write there/,
  })
  writeFileSync(
    join(folder, 'text'),
    'This is no database, but it is long enough to look like one. '.repeat(50),
  )
  await t.rejects(openLedger(join(folder, 'text')), { code: 'ledger-unavailable' })
  await t.rejects(openLedger(`postgres://ledger@localhost/ledger?host=${folder}`), {
    code: 'ledger-unavailable',
    retryable: true,
  })
  await t.rejects(openLedger('mysql://root@localhost/ledger'), { code: 'usage' })
})

t.test('a ledger in a file is for its owner alone', async t => {
  const file = join(t.testdir({}), 'ledger.sqlite')
  const store = await openLedger(file)
  t.equal(statSync(file).mode & 0o777, 0o600)
  await store.close()
})

t.test('a ledger whose file another program holds is waited for, then given up', async t => {
  const file = join(t.testdir({}), 'ledger.sqlite')
  const { openSqliteLedger } = await import('../../src/licensing-server/store/sqlite.ts')
  const store = await openSqliteLedger(file, { busyMs: 50 })
  const { default: Database } = await import('better-sqlite3')
  const other = new Database(file)
  other.exec('begin immediate')
  const change = putCustomer(null, { customerId: 'acme', name: 'Acme', representative }, act)
  await t.rejects(store.commit(change), { code: 'ledger-unavailable', retryable: true })
  t.equal(await store.customer('acme'), null, 'reading goes on')
  other.exec('rollback')
  t.equal(await store.commit(change), true)
  other.close()
  await store.close()
})
