import pg from 'pg'
import t from 'tap'
import { Fault } from '../../src/errors.ts'
import type { LedgerChange } from '../../src/licensing-server/ledger/model.ts'
import { openPostgresLedger } from '../../src/licensing-server/store/postgres.ts'
import { TestPostgres, whyNoPostgres } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { onEachStore } from './each-store.ts'
import { codeOf, Machine, representative, Vendor } from './vendor.ts'

onEachStore('readiness: the ledger answers, and the issuing certificate is valid', async (t, ledger) => {
  const store = await ledger.open()
  const vendor = new Vendor(store)
  t.match(await vendor.service.readiness(), {
    ready: true,
    ledgerProblem: null,
    issuerProblem: null,
    issuerValidUntil: /^2048-12-\d\dT/,
  })
  vendor.now = Date.parse('2050-01-01T00:00:00Z')
  t.match(await vendor.service.readiness(), {
    ready: false,
    ledgerProblem: null,
    issuerProblem: /^it expired on 2048/,
  })
  const without = new Vendor(store, {
    issuer: () => {
      throw new Fault('issuing-certificate-invalid', 'It is missing.')
    },
  })
  t.match(await without.service.readiness(), {
    ready: false,
    issuerProblem: 'It is missing.',
    issuerValidUntil: null,
  })
  vendor.now = Date.parse('2026-11-24T12:00:00Z')
  const ping = store.ping.bind(store)
  store.ping = async () => {
    await ping()
    await store.close()
  }
  t.match(
    await vendor.service.readiness(),
    { ready: false, ledgerProblem: /./, issuerProblem: null, issuerValidUntil: /^2048-12-\d\dT/ },
    'a ledger that goes away just then is no trouble of the certificate',
  )
  store.ping = ping
  t.match(await vendor.service.readiness(), { ready: false, ledgerProblem: /./, issuerProblem: null })
})

onEachStore('a certificate that cannot sign claims nothing', async (t, ledger) => {
  const vendor = await Vendor.withCustomer(await ledger.open())
  const { poolId, key } = await vendor.pool(100)
  vendor.now = Date.parse('2050-01-01T00:00:00Z')
  await t.rejects(new Machine().activate(vendor, key, 5), { code: 'issuing-certificate-invalid' })
  t.equal(await vendor.claimed(poolId), 0)
})

onEachStore(
  'a decision is made again where somebody else was first, and given up where that does not end',
  async (t, ledger) => {
    const store = await ledger.open()
    const vendor = await Vendor.withCustomer(store)
    const { poolId, key } = await vendor.pool(100)
    const machine = new Machine()
    await machine.activate(vendor, key, 5)
    const commit = store.commit.bind(store)
    let before: (() => Promise<unknown>)[] = []
    store.commit = async (change: LedgerChange) => {
      if (change.events.some(({ by }) => by === 'machine')) await before.shift()?.()
      return commit(change)
    }
    before = [() => vendor.admin.changeTerms(poolId, { features: ['recording'] })]
    await machine.reactivate(vendor, 7)
    t.match(
      machine.license,
      { maxSessions: 7, features: ['recording'], generation: 2 },
      'on the terms of the end',
    )

    const { installationId } = machine.license!
    before = [() => vendor.admin.blockInstallation(installationId, 'meanwhile')]
    t.equal(codeOf(await machine.reactivate(vendor)), 'installation-blocked')
    await vendor.admin.clearInstallation(installationId, 'again')

    before = [() => vendor.admin.revokeKey(key.replace(/-/g, '').slice(1, 7))]
    t.equal(codeOf(await new Machine().activate(vendor, key, 5)), 'installation-key-revoked')
    t.equal(await vendor.claimed(poolId), 7)

    let features = 0
    before = Array.from({ length: 30 }, () => () => {
      features += 1
      return vendor.admin.changeTerms(poolId, { features: [`feature-${features}`] })
    })
    t.equal(codeOf(await machine.reactivate(vendor, 9)), 'server-busy')
    t.equal(await vendor.claimed(poolId), 7)
  },
)

onEachStore('what a representative names must be there, and new names new', async (t, ledger) => {
  const { admin } = await Vendor.withCustomer(await ledger.open())
  const of = { customerId: 'acme', name: 'Acme', representative }
  await t.rejects(admin.addCustomer(of), { code: 'customer-exists' })
  await t.rejects(admin.changeCustomer('bell', { name: 'Bell' }), { code: 'customer-unknown' })
  t.match(await admin.changeCustomer('acme', { representative: { name: 'Grace Hopper' } }), {
    name: 'Acme Telephony',
    representative: { ...representative, name: 'Grace Hopper' },
  })
  t.match(await admin.changeCustomer('acme', { name: 'Acme AG' }), { name: 'Acme AG' })
  await t.rejects(admin.addUnits('nowhere', 5), { code: 'pool-unknown', hint: /licensing-server pool list/ })
  await t.rejects(admin.createKey('nowhere', 'key'), { code: 'pool-unknown' })
  await t.rejects(admin.revokeKey('NOKEY0'), { code: 'key-unknown' })
  await t.rejects(admin.startTransfer('nobody'), { code: 'installation-unknown' })
  await t.rejects(admin.cancelTransfer('transfer-0'), { code: 'transfer-unknown' })
  await t.rejects(admin.publishRevocationList('no list', []), { code: 'revocation-list-unreadable' })
})

onEachStore('a pool is opened once', async (t, ledger) => {
  const vendor = await Vendor.withCustomer(await ledger.open())
  await vendor.pool(5, { poolId: 'once' })
  await t.rejects(vendor.pool(5, { poolId: 'once' }), { code: 'pool-exists' })
})

const skip = whyNoPostgres()
t.test('a database that goes away and comes back', { skip }, async t => {
  const postgres = await TestPostgres.start()
  t.teardown(() => postgres.stop())
  const url = await postgres.createDatabase()
  const problems: Fault[] = []
  const store = await openPostgresLedger(url, {
    timeoutMs: 2000,
    onProblem: problem => problems.push(problem),
  })
  t.teardown(() => store.close())
  const vendor = await Vendor.withCustomer(store)
  const { key } = await vendor.pool(100)
  const machine = new Machine()
  await machine.activate(vendor, key, 5)

  const cut = `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'licensing-server'`
  await postgres.query(url, cut)
  await until('the broken connection is told', () => problems.length > 0)
  t.match(problems[0], { code: 'ledger-unavailable', retryable: true })
  t.equal(codeOf(await machine.reactivate(vendor)), 'license', 'it connects anew')

  const holder = new pg.Client({ connectionString: url })
  await holder.connect()
  await holder.query('begin')
  await holder.query('lock table installation in access exclusive mode')
  await t.rejects(
    machine.reactivate(vendor),
    { code: 'ledger-unavailable', retryable: true },
    'it does not answer',
  )
  await holder.end()
  t.equal(codeOf(await machine.reactivate(vendor)), 'license')
})

t.test('activations of one customer wait for each other, not for connections', { skip }, async t => {
  const postgres = await TestPostgres.start()
  t.teardown(() => postgres.stop())
  const store = await openPostgresLedger(await postgres.createDatabase(), { connections: 2 })
  t.teardown(() => store.close())
  const vendor = await Vendor.withCustomer(store)
  const { poolId, key } = await vendor.pool(100)
  const answers = await Promise.all(Array.from({ length: 60 }, () => new Machine().activate(vendor, key, 1)))
  t.equal(answers.filter(({ kind }) => kind === 'license').length, 60)
  t.equal(await vendor.claimed(poolId), 60)
})
