// A ledger in a file that other processes open and close while a server has it, such as a backup by `sqlite3`.
import { spawnSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { putCustomer } from '../../src/licensing-server/ledger/pools.ts'
import { openLedger } from '../../src/licensing-server/store/open.ts'
import { act } from './ledger/setting.ts'
import { representative } from './vendor.ts'

const isInstalled = spawnSync('sqlite3', ['--version']).error === undefined
const withSqlite = { skip: isInstalled ? false : 'sqlite3 is not installed (Debian package sqlite3)' }

const customer = (customerId: string) =>
  putCustomer(null, { customerId, name: customerId, representative }, act)

t.test('an open ledger is locked against those who would take its log away', async t => {
  const file = join(t.testdir(), 'ledger.sqlite')
  // One that is there is opened in another way than one that is made.
  await (await openLedger(file)).close()
  const store = await openLedger(file)
  t.teardown(() => store.close())
  t.equal(statSync(file).mode & 0o777, 0o600)
  const locks = readFileSync('/proc/locks', 'utf8').split('\n')
  const { ino } = statSync(file)
  t.ok(
    locks.some(lock => lock.includes(` ${process.pid} `) && lock.includes(`:${ino} `)),
    `this process has a lock on ${ino}`,
  )
})

t.test('what is written after a backup is there for others', withSqlite, async t => {
  const folder = t.testdir()
  const file = join(folder, 'ledger.sqlite')
  const before = await openLedger(file)
  await before.commit(customer('acme'))
  await before.close()
  const store = await openLedger(file)
  t.teardown(() => store.close())
  const ask = (database: string, command: string) =>
    spawnSync('sqlite3', [database, command], { encoding: 'utf8' }).stdout.trim()
  const log = statSync(`${file}-wal`).ino
  const backup = join(folder, 'backup.sqlite')
  t.equal(ask(file, `.backup ${backup}`), '')
  t.equal(ask(backup, 'select count(*) from customer'), '1')
  t.equal(
    statSync(`${file}-wal`, { throwIfNoEntry: false })?.ino,
    log,
    'the log is the one that is written to',
  )
  await store.commit(customer('other'))
  t.equal(ask(file, 'select count(*) from customer'), '2')
})
