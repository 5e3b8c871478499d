import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import Database from 'better-sqlite3'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { EMPTY_CONTENT } from '../../../src/daemon/journal/database.ts'
import { SmallDisk } from '../../support/small-disk.ts'
import { hold, newCounter, openJournal, tokensAt, tokensIn } from './bench.ts'

/** Of SQLite: bytes of a page, and the first byte of a leaf of a table. */
const PAGE = 4096
const LEAF = 0x0d

function place(t: Test): string {
  return join(t.testdir(), 'journal.db')
}

function skip(t: Test): void {
  t.comment('not tried: only root may mount a small disk')
}

function asideOf(path: string): string[] {
  return readdirSync(dirname(path)).filter(name => name.startsWith(`${basename(path)}.set-aside-`))
}

t.test('what was committed is there after a crash, with all that is known of it', async t => {
  const path = place(t)
  const { journal, heard } = openJournal(path)
  const counter = newCounter()
  const tokens = [...hold(counter, 'one', 3), ...hold(counter, 'two', 2)]
  t.ok(counter.hasChanges)
  journal.commit(counter)
  t.notOk(counter.hasChanges)
  counter.release(tokens[0]!)
  journal.commit(counter)
  hold(counter, 'three', 1)
  // Not committed. A crash leaves the files as they are: the copy is what the next daemon finds.
  const left = crashed(path, join(dirname(path), 'left', 'journal.db'))
  const next = openJournal(left)
  t.strictSame(tokensIn(next.journal), tokens.slice(1).sort())
  t.strictSame(next.journal.content.clients, [
    { index: 0, identity: 'one', label: 'one', process: { pid: 7, startTime: 9 } },
    { index: 1, identity: 'two', label: 'two', process: { pid: 7, startTime: 9 } },
  ])
  t.match(next.journal.content.sessions[0], {
    slot: 1,
    client: 0,
    application: 'ivr',
    key: 'one/1/1',
    grantedAt: 1000.25,
  })
  next.journal.contentTaken()
  t.strictSame(next.journal.content, EMPTY_CONTENT)
  t.strictSame([heard, next.heard], [[], []])
  journal.close()
  next.journal.close()
})

/** Copies the files of an open journal, as a crash would leave them. */
function crashed(path: string, copy: string): string {
  mkdirSync(dirname(copy), { recursive: true })
  for (const suffix of ['', '-wal']) if (existsSync(path + suffix)) copyFileSync(path + suffix, copy + suffix)
  return copy
}

t.test('an older boot of the machine leaves nothing', async t => {
  const path = place(t)
  const { journal } = openJournal(path, 'boot-1')
  const counter = newCounter()
  hold(counter, 'one', 3)
  journal.commit(counter)
  journal.close()
  t.equal(tokensAt(path, 'boot-1').length, 3)
  t.strictSame(tokensAt(path, 'boot-2'), [])
  t.strictSame(tokensAt(path, 'boot-1'), [], 'it is of boot 2 now, and empty')
  t.strictSame(asideOf(path), [])
})

t.test('a closed journal writes nothing more', async t => {
  const path = place(t)
  const { journal, heard } = openJournal(path)
  journal.close()
  const counter = newCounter()
  hold(counter, 'one', 1)
  journal.commit(counter)
  journal.heal(counter)
  t.ok(counter.hasChanges)
  t.strictSame(tokensAt(path), [])
  t.strictSame(heard, [])
})

t.test('a second daemon is told that one runs', async t => {
  const path = place(t)
  const { journal } = openJournal(path)
  t.throws(() => openJournal(path), { code: 'daemon-already-running', hint: /systemctl status/ })
  journal.close()
  openJournal(path).journal.close()
})

t.test('a file of a newer program is set aside, untouched', async t => {
  const path = place(t)
  const newer = new Database(path)
  newer.exec('CREATE TABLE of_tomorrow (x); INSERT INTO of_tomorrow VALUES (7)')
  newer.pragma('user_version = 99')
  newer.close()
  const { journal, heard } = openJournal(path)
  t.match(heard, [/^set aside: .*journal\.db\.set-aside-.*: its schema is 99/])
  const [name = ''] = asideOf(path)
  const kept = new Database(join(dirname(path), name), { readonly: true })
  t.strictSame(kept.prepare('SELECT x FROM of_tomorrow').pluck().all(), [7])
  kept.close()
  const counter = newCounter()
  const tokens = hold(counter, 'one', 2)
  journal.commit(counter)
  journal.close()
  t.strictSame(tokensAt(path), tokens.sort())
})

t.test('what is no database at all is set aside; the newest three are kept', async t => {
  const path = place(t)
  for (let crash = 0; crash < 6; crash++) {
    writeFileSync(path, `no database ${crash} `.repeat(100))
    writeFileSync(`${path}-wal`, 'nor is this a log')
    const { journal, heard } = openJournal(path, 'boot-1', () => Date.parse('2026-11-24T12:00:00Z') + crash)
    t.equal(heard.length, 1)
    t.equal(journal.degraded, false)
    journal.close()
  }
  const kept = asideOf(path).filter(name => !name.endsWith('-wal') && !name.endsWith('-shm'))
  t.strictSame(
    kept.sort().map(name => readFileSync(join(dirname(path), name), 'utf8').slice(0, 13)),
    ['no database 3', 'no database 4', 'no database 5'],
  )
  t.ok(asideOf(path).length <= 9)
})

t.test('what could be read of a damaged file is written to the new one at once', async t => {
  const path = place(t)
  const before = openJournal(path)
  const counter = newCounter()
  const tokens = hold(counter, 'one', 5)
  before.journal.commit(counter)
  before.journal.close()
  const db = new Database(path)
  db.prepare("UPDATE sessions SET client = 'nobody' WHERE slot = 2").run()
  db.close()

  const { journal, heard } = openJournal(path)
  t.match(heard, [/^set aside: .*: a session row is malformed$/])
  const readable = tokens.filter((_, slot) => slot !== 2).sort()
  t.strictSame(tokensIn(journal), readable)
  const next = newCounter()
  next.restore(journal.content.clients, journal.content.sessions, 0)
  journal.contentTaken()
  t.notOk(next.hasChanges)
  journal.commit(next)
  // The crash comes before anything else changed.
  t.strictSame(tokensAt(crashed(path, join(dirname(path), 'crash', 'left.db'))), readable)
  journal.close()
})

t.test('rows that come twice are counted once', async t => {
  const path = place(t)
  const first = openJournal(path)
  const counter = newCounter()
  const tokens = hold(counter, 'one', 200)
  first.journal.commit(counter)
  first.journal.close()
  // One leaf of the tree is written over the next: its rows are there twice, those of the next are lost.
  const bytes = readFileSync(path)
  const pages = Array.from({ length: bytes.length / PAGE }, (_, page) =>
    bytes.subarray(page * PAGE, (page + 1) * PAGE),
  )
  const [leaf, next] = pages.filter(page => page[0] === LEAF && page.includes('one/'))
  next!.set(leaf!)
  writeFileSync(path, bytes)

  const { journal, heard } = openJournal(path)
  const read = tokensIn(journal)
  t.match(heard, [/^set aside: .*: a session row is malformed$/])
  t.equal(new Set(read).size, read.length)
  t.ok(read.length > 50 && read.length < 200 && read.every(token => tokens.includes(token)))
  const restored = newCounter()
  restored.restore(journal.content.clients, journal.content.sessions, 0)
  restored.expire(Number.MAX_SAFE_INTEGER)
  t.equal(restored.inUse, 0)
  journal.close()
})

t.test(
  'truncated or overwritten at any byte: it starts, it counts nothing twice, it can be written',
  async t => {
    const folder = t.testdir()
    const path = join(folder, 'journal.db')
    const { journal } = openJournal(path)
    const counter = newCounter()
    const tokens = new Set<string>()
    for (let turn = 0; turn < 30; turn++) {
      for (const token of hold(counter, `client-${turn % 7}`, 20)) tokens.add(token)
      journal.commit(counter)
    }
    const left = crashed(path, join(folder, 'left.db'))
    journal.close()
    const sizes = { '': statSync(left).size, '-wal': statSync(`${left}-wal`).size }

    const damage = fc.record({
      suffix: fc.constantFrom('' as const, '-wal' as const),
      at: fc.double({ min: 0, max: 0.999, noNaN: true }),
      junk: fc.option(fc.uint8Array({ minLength: 1, maxLength: 5000 }), { nil: null }),
    })
    fc.assert(
      fc.property(damage, ({ suffix, at, junk }) => {
        const trial = join(folder, 'trial')
        rmSync(trial, { recursive: true, force: true })
        const damaged = crashed(left, join(trial, 'journal.db'))
        const offset = Math.floor(sizes[suffix] * at)
        if (junk === null) truncateSync(damaged + suffix, offset)
        else {
          const bytes = readFileSync(damaged + suffix)
          bytes.set(junk.subarray(0, bytes.length - offset), offset)
          writeFileSync(damaged + suffix, bytes)
        }
        const opened = openJournal(damaged)
        const read = tokensIn(opened.journal)
        if (new Set(read).size !== read.length) throw new Error('a session was read twice')
        if (junk === null && read.some(token => !tokens.has(token))) throw new Error('a session was made up')
        const next = newCounter()
        next.restore(opened.journal.content.clients, opened.journal.content.sessions, 0)
        if (next.inUse !== read.length) throw new Error('read and counted differ')
        const [token] = hold(next, 'after-the-damage', 1)
        opened.journal.commit(next)
        if (opened.journal.degraded) throw new Error(`it cannot be written: ${opened.heard}`)
        opened.journal.close()
        const after = tokensAt(damaged)
        if (after.length !== next.inUse || !after.includes(token!))
          throw new Error('the new file lacks sessions')
        next.expire(Number.MAX_SAFE_INTEGER)
        if (next.inUse !== 1) throw new Error('what was read cannot be released')
      }),
      {
        numRuns: 60,
        examples: [[{ suffix: '', at: 0, junk: null }], [{ suffix: '-wal', at: 0, junk: null }]],
      },
    )
  },
)

t.test('a file that vanished, or was replaced, is lost; a new one is written whole', async t => {
  const path = place(t)
  const { journal, heard } = openJournal(path)
  const counter = newCounter()
  const tokens = hold(counter, 'one', 3)
  journal.commit(counter)
  t.equal(journal.lost, false)
  for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
  t.equal(journal.lost, true)
  journal.abandon()
  t.equal(journal.degraded, true)
  t.equal(journal.lost, false, 'that is told once')
  tokens.push(...hold(counter, 'two', 1))
  journal.commit(counter)
  t.ok(counter.hasChanges, 'nothing is written while it is degraded')
  journal.heal(counter)
  t.match(heard, [/^degraded: .* was removed or replaced$/, 'healed'])
  t.strictSame(tokensAt(crashed(path, join(dirname(path), 'left', 'journal.db'))), tokens.sort())

  writeFileSync(`${path}.new`, 'this is no database '.repeat(100))
  renameSync(`${path}.new`, path)
  t.equal(journal.lost, true)
  journal.abandon()
  journal.heal(counter)
  t.equal(journal.degraded, false)
  t.match(heard.at(-2), /^set aside/)
  journal.close()
  t.strictSame(tokensAt(path), tokens.sort())
})

t.test('it says who wrote it, and how often all of it had to be written anew', async t => {
  const path = place(t)
  const first = openJournal(path)
  const counter = newCounter()
  hold(counter, 'one', 1)
  first.journal.commit(counter)
  first.journal.close()
  t.equal(first.journal.content.stamp, null)
  const second = openJournal(path, 'boot-1', Date.now, 'run-2')
  t.strictSame(second.journal.content.stamp, { instanceId: 'run-1', era: 0 })
  second.journal.abandon()
  second.journal.heal(counter)
  t.equal(second.journal.era, 1)
  second.journal.close()
  const third = openJournal(path, 'boot-1', Date.now, 'run-3')
  t.strictSame(third.journal.content.stamp, { instanceId: 'run-2', era: 1 })
  t.equal(third.journal.content.sessions.length, 1)
  third.journal.close()
})

t.test('where no file can be made it starts all the same, and heals when it can', async t => {
  const path = place(t)
  mkdirSync(path)
  const { journal, heard } = openJournal(path)
  t.match(heard, [/^degraded: unable to open database file$/])
  const counter = newCounter()
  const tokens = hold(counter, 'one', 4)
  journal.commit(counter)
  journal.heal(counter)
  journal.heal(counter)
  t.equal(heard.length, 1, 'the same trouble is not told again')
  rmSync(path, { recursive: true })
  journal.heal(counter)
  t.equal(journal.degraded, false)
  t.equal(heard.at(-1), 'healed')
  journal.close()
  t.strictSame(tokensAt(path), tokens.sort())
})

t.test('on a disk of whatever size, what is held when it heals survives the next crash', async t => {
  const folder = t.testdir()
  let degraded = 0
  for (let kib = 4; kib <= 72; kib += 8) {
    const disk = SmallDisk.mount(t, kib)
    if (disk === null) return skip(t)
    const path = join(disk.path, 'journal.db')
    const { journal } = openJournal(path)
    const counter = newCounter()
    const tokens: string[] = []
    for (let turn = 0; turn < 20; turn++) {
      tokens.push(...hold(counter, `client-${turn}`, 1))
      journal.commit(counter)
    }
    if (journal.degraded) degraded++
    disk.resize(1024)
    journal.heal(counter)
    t.equal(journal.degraded, false, `${kib} KiB`)
    const left = crashed(path, join(folder, `left-${kib}`, 'journal.db'))
    t.strictSame(tokensAt(left), tokens.sort(), `${kib} KiB`)
    journal.close()
  }
  t.ok(degraded > 3, `${degraded} of the disks were too small`)
})

t.test('a disk that fills up while it runs: what was committed stays, what comes later heals', async t => {
  const disk = SmallDisk.mount(t, 256)
  if (disk === null) return skip(t)
  const path = join(disk.path, 'journal.db')
  const { journal, heard } = openJournal(path)
  const counter = newCounter()
  const committed = hold(counter, 'before', 10)
  journal.commit(counter)
  disk.fill()
  const later: string[] = []
  for (let turn = 0; turn < 200 && !journal.degraded; turn++) {
    later.push(...hold(counter, `turn-${turn}`, 5))
    journal.commit(counter)
  }
  t.equal(journal.degraded, true)
  t.match(heard, [/^degraded: database or disk is full$/])
  const left = crashed(path, join(t.testdir(), 'journal.db'))
  const found = tokensAt(left)
  t.ok(committed.every(token => found.includes(token)))
  disk.resize(2048)
  journal.heal(counter)
  t.strictSame(heard.slice(1), ['healed'])
  journal.close()
  t.strictSame(tokensAt(path), [...committed, ...later].sort())
})

t.test('on a disk that is read-only it starts, and heals when it can be written', async t => {
  const disk = SmallDisk.mount(t, 512)
  if (disk === null) return skip(t)
  const path = join(disk.path, 'journal.db')
  disk.setReadOnly(true)
  const { journal, heard } = openJournal(path)
  const counter = newCounter()
  const tokens = hold(counter, 'one', 5)
  journal.commit(counter)
  journal.heal(counter)
  t.match(heard, [/^degraded/])
  disk.setReadOnly(false)
  journal.heal(counter)
  t.strictSame(heard.slice(1), ['healed'])
  journal.close()
  t.strictSame(tokensAt(path), tokens.sort())
})

t.test(
  'what a crash left on a disk that is read-only now is counted, and written when it can be',
  async t => {
    const disk = SmallDisk.mount(t, 512)
    if (disk === null) return skip(t)
    const lived = join(t.testdir(), 'journal.db')
    const first = openJournal(lived)
    const counter = newCounter()
    const tokens = hold(counter, 'one', 50)
    first.journal.commit(counter)
    counter.release(tokens.pop()!)
    first.journal.commit(counter)
    // Nothing of it was moved from the log to the database yet.
    const path = crashed(lived, join(disk.path, 'left', 'journal.db'))
    first.journal.close()
    disk.setReadOnly(true)
    const { journal, heard } = openJournal(path)
    t.match(heard, [/^degraded/])
    t.strictSame(tokensIn(journal), [...tokens].sort())
    const next = newCounter()
    next.restore(journal.content.clients, journal.content.sessions, 0)
    disk.setReadOnly(false)
    journal.heal(next)
    t.strictSame(heard.slice(1), ['healed'])
    journal.close()
    t.strictSame(tokensAt(path), [...tokens].sort())
  },
)

t.test('a log that is removed, or a file that is cut, is seen, and all is written anew', async t => {
  for (const harm of [(path: string) => rmSync(`${path}-wal`), (path: string) => truncateSync(path, 100)]) {
    const folder = t.testdir()
    const path = join(folder, 'journal.db')
    const { journal } = openJournal(path)
    const counter = newCounter()
    const tokens = hold(counter, 'one', 20)
    journal.commit(counter)
    t.equal(journal.lost, false)
    harm(path)
    t.equal(journal.lost, true)
    journal.abandon()
    journal.heal(counter)
    t.equal(journal.degraded, false)
    t.strictSame(tokensAt(crashed(path, join(folder, 'left', 'journal.db'))), tokens.sort())
    journal.close()
  }
})
