import {
  chownSync,
  existsSync,
  lchownSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import Database from 'better-sqlite3'
import t, { type Test } from 'tap'
import { HistoryDatabase, readHistory } from '../../src/daemon/history/database.ts'
import { lockFile } from '../../src/daemon/lock-file.ts'
import { StateStore } from '../../src/daemon/state-store.ts'
import { startHere } from '../support/daemon.ts'
import { Site } from '../support/site.ts'
import { SmallDisk } from '../support/small-disk.ts'

function open(path: string) {
  const heard: string[] = []
  const store = new StateStore(path, Date.now(), (movedTo, why) => heard.push(`${movedTo}: ${why}`))
  return { store, heard }
}

function place(t: Test): string {
  return join(t.testdir(), 'state.db')
}

t.test('what is written is there at the next start', async t => {
  const path = place(t)
  const { store } = open(path)
  t.equal(store.read('a'), null)
  t.equal(store.latestLicense(), null)
  store.write('a', '1')
  store.write('a', '2')
  store.change('b', before => `${before} and more`)
  store.change('b', () => null)
  store.close()
  const next = open(path)
  t.equal(next.store.read('a'), '2')
  t.equal(next.store.read('b'), 'null and more')
  t.strictSame(next.heard, [])
  next.store.close()
})

t.test('the last 32 licenses are kept, the latest counts', async t => {
  const path = place(t)
  const { store } = open(path)
  for (let number = 1; number <= 40; number++) store.acceptLicense(`license ${number}`, number)
  t.equal(store.latestLicense(), 'license 40')
  store.close()
  const db = new Database(path, { readonly: true })
  const texts = db.prepare('SELECT text FROM licenses ORDER BY number').pluck().all()
  t.equal(texts.length, 32)
  t.equal(texts[0], 'license 9')
  db.close()
})

t.test(
  'a license is accepted only after the one that was expected, and as one step with its file',
  async t => {
    const { store } = open(place(t))
    let laid = 0
    const lay = () => void laid++
    t.equal(store.acceptLicense('one', 1, { after: null, lay }), true)
    t.equal(store.acceptLicense('two', 2, { after: null, lay }), false, 'another was first')
    t.equal(store.latestLicense(), 'one')
    t.equal(laid, 1)
    const fails = () => {
      throw new Error('no room for the file')
    }
    t.throws(() => store.acceptLicense('two', 2, { after: 'one', lay: fails }), /no room/)
    t.equal(store.latestLicense(), 'one')
    t.equal(store.acceptLicense('two', 2, { after: 'one', lay }), true)
    t.equal(store.acceptLicense('two', 3, { after: 'one', lay }), true, 'it is the one already')
    store.close()
  },
)

t.test('a database of a newer program is refused, and left as it is', async t => {
  const path = place(t)
  open(path).store.close()
  const db = new Database(path)
  db.pragma('user_version = 7')
  db.close()
  const before = readFileSync(path)
  t.throws(() => open(path), { code: 'state-too-new', message: /schema 7/, hint: /newer sessiond/ })
  t.ok(readFileSync(path).equals(before))
  t.strictSame(readdirSync(join(path, '..')), ['state.db'])
})

t.test('a damaged database is set aside, wherever the damage is; three are kept', async t => {
  const path = place(t)
  const { store } = open(path)
  for (let number = 0; number < 30; number++) store.acceptLicense(`license ${number} `.repeat(400), number)
  store.close()
  const good = readFileSync(path)
  const damages = [
    Buffer.from('this is no database '.repeat(500)),
    good.subarray(0, good.length - 5000),
    Buffer.concat([good.subarray(0, 4096 * 3), Buffer.alloc(good.length - 4096 * 3, 0x55)]),
  ]
  for (let round = 0; round < 2; round++) {
    for (const bytes of damages) {
      writeFileSync(path, bytes)
      const at = Date.parse('2026-11-24T00:00:00Z') + round * 1000 + damages.indexOf(bytes)
      const heard: string[] = []
      const next = new StateStore(path, at, movedTo => heard.push(movedTo))
      t.equal(heard.length, 1)
      t.equal(next.latestLicense(), null)
      next.write('a', '1')
      next.close()
    }
  }
  const names = readdirSync(join(path, '..')).filter(name => name.includes('set-aside'))
  t.equal(names.length, 3)
  t.ok(
    names.every(name => name.includes('T000001')),
    'the newest',
  )
})

t.test('what cannot be opened, read or written is a fault that says where', async t => {
  const path = place(t)
  mkdirSync(path)
  t.throws(() => open(path), { code: 'state-not-usable', message: new RegExp(path), hint: /stateDirectory/ })
  const other = join(path, 'state.db')
  const { store } = open(other)
  const holder = new Database(other)
  holder.exec('BEGIN IMMEDIATE')
  t.throws(() => store.write('a', '1'), { code: 'state-not-usable', message: /locked/ })
  t.throws(() => store.change('a', () => '1'), { code: 'state-not-usable' })
  t.throws(() => store.acceptLicense('a', 1), { code: 'state-not-usable' })
  t.equal(store.read('a'), null, 'reading goes on')
  holder.close()
  store.close()
})

t.test('a state directory without room stops neither the daemon, nor its start, nor its stop', async t => {
  const disk = SmallDisk.mount(t, 512)
  if (disk === null) return t.comment('not tried: only root may mount a small disk')
  const site = new Site(t)
  site.config.stateDirectory = disk.path
  await site.license()
  const here = await startHere(t, site)
  const client = await here.client()
  await client.acquireAll(['live'])
  disk.fill()
  for (let call = 0; call < 50; call++)
    t.equal((await client.call('session.acquire', { key: `call-${call % 5}` })).granted, true)
  await here.daemon.reload(site.config)
  await here.stop()
  t.match(here.log.at(-1), { message: 'sessiond stopped.' })
  t.equal(statSync(site.journalFile).isFile(), true)
  const next = await startHere(t, site)
  t.match(await next.logged('rules on'), { level: 'error', hint: /free space/ })
  t.match(next.daemon.statusLine, /license active; .*state degraded/)
  const other = await next.client()
  await other.acquireAll(['another'])
  t.match(await other.call('status.get'), { stateDatabase: 'degraded', journal: 'ok' })
  await next.stop()
})

t.test('a locked database is read into memory where that is wanted, and written when it can be', async t => {
  const path = place(t)
  const { store } = open(path)
  store.write('a', '1')
  store.acceptLicense('one', 1)
  store.close()
  const other = new Database(path)
  other.pragma('locking_mode = EXCLUSIVE')
  other.exec('BEGIN IMMEDIATE')
  t.throws(() => open(path), { code: 'state-not-usable', message: /locked/, hint: /fuser/ })
  const told: string[] = []
  const copy = new StateStore(
    path,
    0,
    () => undefined,
    undefined,
    why => told.push(why.message),
  )
  t.equal(told.length, 1)
  t.match(told[0], /another process keeps it locked/)
  t.equal(copy.degraded, true)
  t.equal(copy.latestLicense(), 'one')
  copy.keep('a', '2')
  copy.keep('b', '3')
  t.equal(copy.read('a'), '2')
  for (const write of [
    () => copy.write('c', '4'),
    () => copy.change('c', () => '4'),
    () => copy.acceptLicense('two', 2),
    () => copy.record({ what: 'daemon.started' }, 0),
  ]) {
    t.throws(write, { code: 'state-not-usable' }, 'what would be lost is refused')
  }
  t.equal(copy.heal(), false)
  other.close()
  t.equal(copy.heal(), true)
  t.equal(copy.heal(), false, 'it is good already')
  t.equal(copy.degraded, false)
  copy.write('c', '4')
  copy.close()
  const last = open(path).store
  t.strictSame(
    ['a', 'b', 'c'].map(name => last.read(name)),
    ['2', '3', '4'],
  )
  t.equal(last.latestLicense(), 'one')
  last.close()
})

const isRoot = process.getuid?.() === 0

t.test(
  'root that opens it first leaves nothing that the daemon cannot read',
  {
    skip: isRoot ? false : 'needs root',
  },
  async t => {
    const path = place(t)
    const folder = dirname(path)
    chownSync(folder, 4242, 4343)
    const { store } = open(path)
    store.write('a', '1')
    const owners = () =>
      readdirSync(folder).map(name => {
        const { uid, gid } = statSync(join(folder, name))
        return `${name} ${uid}:${gid}`
      })
    const all = ['state.db 4242:4343', 'state.db-shm 4242:4343', 'state.db-wal 4242:4343']
    t.strictSame(owners(), all, 'also while it is open: the daemon may start meanwhile')
    store.close()
    chownSync(path, 0, 0)
    open(path).store.close()
    t.strictSame(owners(), ['state.db 4242:4343'], 'what root had kept for itself is given back')
  },
)

t.test(
  'root gives nothing away that a link of the daemon points to',
  {
    skip: isRoot ? false : 'needs root',
  },
  async t => {
    const path = place(t)
    const target = join(t.testdirName, 'target')
    writeFileSync(target, '')
    symlinkSync(target, path)
    chownSync(dirname(path), 4242, 4343)
    open(path).store.close()
    t.equal(statSync(target).uid, 0)
    rmSync(path)
    writeFileSync(target, '')
    linkSync(target, path)
    open(path).store.close()
    t.equal(statSync(target).uid, 0, 'nor a second name of it')
  },
)

t.test(
  'root writes nothing through a link of the daemon',
  {
    skip: isRoot ? false : 'needs root',
  },
  async t => {
    for (const suffix of ['', '-wal', '-shm', '-journal']) {
      const path = join(t.testdir(), 'state.db')
      const target = join(t.testdirName, 'target')
      symlinkSync(target, path + suffix)
      lchownSync(path + suffix, 4242, 4343)
      chownSync(dirname(path), 4242, 4343)
      t.throws(() => open(path), { code: 'link-not-followed', hint: /ls -l/ }, suffix)
      t.throws(() => lockFile(path), { code: 'link-not-followed' }, suffix)
      t.throws(() => new HistoryDatabase(path), { code: 'link-not-followed' }, suffix)
      t.throws(() => readHistory(path, () => 0), { code: 'link-not-followed' }, suffix)
      t.notOk(existsSync(target), `${suffix} made nothing`)
    }
  },
)
