import {
  appendFileSync,
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
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { HEADER_BYTES, writeHeader } from '../../../src/daemon/journal/block.ts'
import { EMPTY_CONTENT, readJournal } from '../../../src/daemon/journal/content.ts'
import { BlockEncoder } from '../../../src/daemon/journal/encoder.ts'
import type { Journal } from '../../../src/daemon/journal/journal.ts'
import type { SessionCounter } from '../../../src/session/counter.ts'
import { formatToken } from '../../../src/session/token.ts'
import { recordsOf } from '../../support/earlier-sessions.ts'
import { readJournalAlone } from '../../support/journal-reader.ts'
import { SmallDisk } from '../../support/small-disk.ts'
import { hold, newCounter, openJournal, tokensAt, tokensIn } from './bench.ts'

function place(t: Test): string {
  return join(t.testdir(), 'sessions.journal')
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
  const left = crashed(path, join(dirname(path), 'left', 'sessions.journal'))
  const next = openJournal(left)
  t.strictSame(tokensIn(next.journal), tokens.slice(1).sort())
  t.strictSame(next.journal.content.clients, [
    { index: 0, identity: 'one', label: 'one', process: { pid: 7, startTime: 9 } },
    { index: 1, identity: 'two', label: 'two', process: { pid: 7, startTime: 9 } },
  ])
  t.match(recordsOf(next.journal.content.sessions)[0], {
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
  for (const suffix of ['', '.new']) if (existsSync(path + suffix)) copyFileSync(path + suffix, copy + suffix)
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
  const newer = 'sessiond journal 99\nin a way of tomorrow'
  writeFileSync(path, newer)
  const { journal, heard } = openJournal(path)
  const counter = newCounter()
  const tokens = hold(counter, 'one', 2)
  journal.commit(counter)
  t.match(heard, [/^set aside: .*sessions\.journal\.set-aside-.*: its format is 99/])
  const [name = ''] = asideOf(path)
  t.equal(readFileSync(join(dirname(path), name), 'utf8'), newer)
  journal.close()
  t.strictSame(tokensAt(path), tokens.sort())
})

t.test('what is no journal at all is set aside; the newest three are kept', async t => {
  const path = place(t)
  for (let crash = 0; crash < 6; crash++) {
    writeFileSync(path, `no journal ${crash} `.repeat(100))
    const { journal, heard } = openJournal(path, 'boot-1', () => Date.parse('2026-11-24T12:00:00Z') + crash)
    journal.commit(newCounter())
    t.match(heard, [/^set aside: .*: it is no journal of sessions$/])
    t.equal(journal.degraded, false)
    journal.close()
  }
  t.strictSame(
    asideOf(path)
      .sort()
      .map(name => readFileSync(join(dirname(path), name), 'utf8').slice(0, 12)),
    ['no journal 3', 'no journal 4', 'no journal 5'],
  )
})

t.test('what could be read of a damaged file is written to the new one at once', async t => {
  const path = place(t)
  const before = openJournal(path)
  const counter = newCounter()
  const tokens: string[] = []
  for (let turn = 0; turn < 5; turn++) {
    tokens.push(...hold(counter, 'one', 1))
    before.journal.commit(counter)
  }
  before.journal.close()
  const bytes = readFileSync(path)
  bytes[bytes.indexOf('one/2/0')]! ^= 1
  writeFileSync(path, bytes)

  const { journal, heard } = openJournal(path)
  t.strictSame(heard, [], 'what is there stays until the new one is whole')
  const readable = tokens.filter((_, slot) => slot !== 2).sort()
  t.strictSame(tokensIn(journal), readable)
  const next = newCounter()
  next.restore(journal.content.clients, journal.content.sessions, 0)
  journal.contentTaken()
  t.notOk(next.hasChanges)
  journal.commit(next)
  t.match(heard, [/^set aside: .*: it is damaged at byte \d+$/])
  // The crash comes before anything else changed.
  t.strictSame(tokensAt(crashed(path, join(dirname(path), 'crash', 'left.journal'))), readable)
  journal.close()
})

t.test('after a damaged header, what follows it is found again', async t => {
  const path = place(t)
  const before = openJournal(path)
  const counter = newCounter()
  const tokens: string[] = []
  const sizes: number[] = []
  for (let turn = 0; turn < 20; turn++) {
    tokens.push(...hold(counter, 'one', 1))
    before.journal.commit(counter)
    sizes.push(statSync(path).size)
  }
  before.journal.close()
  const bytes = readFileSync(path)
  // The length of the tenth block reaches far beyond the end now.
  bytes[sizes[8]! + 3] = 0x7f
  writeFileSync(path, bytes)
  const { journal } = openJournal(path)
  t.strictSame(tokensIn(journal), tokens.filter((_, turn) => turn !== 9).sort())
  t.match(journal.content.flaw, `it is damaged at byte ${sizes[8]}`)
  journal.close()
})

t.test('a good block that says what cannot be is passed over, and no block counts a slot twice', async t => {
  const path = place(t)
  const before = openJournal(path)
  const counter = newCounter()
  const tokens = hold(counter, 'one', 3)
  before.journal.commit(counter)
  before.journal.close()
  const good = readFileSync(path)
  const encoder = new BlockEncoder()
  const nonsense: Record<string, () => void> = {
    'a slot that is none': () => encoder.putSession(2 ** 24, 0, 'ivr', 'key', 1, 1, 1),
    'a client that is none': () => encoder.putSession(9, 2 ** 24, 'ivr', 'key', 1, 1, 1),
    'a time that is none': () => encoder.putSession(9, 0, 'ivr', 'key', 1, 1, Number.NaN),
    'a client without a number': () =>
      encoder.putClient({ index: -1, identity: null, label: null, process: null }),
    'a client with a number for a label': () =>
      encoder.putClient({ index: 5, identity: null, label: 7 as never, process: null }),
    'a client with a number for an identity': () =>
      encoder.putClient({ index: 5, identity: 7 as never, label: null, process: null }),
    'an origin without an era': () => encoder.putOrigin({ boot: 'boot-1', instanceId: 'run-1', era: 0.5 }),
  }
  for (const [name, put] of Object.entries(nonsense)) {
    put()
    writeFileSync(path, Buffer.concat([good, Buffer.from(encoder.finish())]))
    const { journal } = openJournal(path)
    t.match(journal.content.flaw, /a record of the block at byte \d+ is malformed/, name)
    if (name !== 'an origin without an era') t.strictSame(tokensIn(journal), [...tokens].sort(), name)
    journal.close()
  }
  encoder.putSession(1, 0, 'ivr', 'again', 1, 1, 1)
  writeFileSync(path, Buffer.concat([good, Buffer.from(encoder.finish())]))
  const { journal } = openJournal(path)
  t.equal(recordsOf(journal.content.sessions).length, 3)
  t.equal(journal.content.flaw, null)
  journal.close()
})

t.test('records that end in the middle, or are of no kind, or no JSON', async t => {
  const path = place(t)
  openJournal(path).journal.commit(newCounter())
  const good = readFileSync(path)
  for (const payload of [
    [4, 1, 0],
    [5],
    [77, 1, 1, 1, 1],
    [2, 2, 0, 0, 0, 0x7b, 0x7b],
    [2, 9, 0, 0, 0, 0x7b],
    [2],
  ]) {
    const block = Buffer.concat([Buffer.alloc(HEADER_BYTES), Buffer.from(payload)])
    writeHeader(block)
    writeFileSync(path, Buffer.concat([good, block]))
    const content = readJournal(readFileSync(path), 'boot-1')
    t.match(content, { clients: [], flaw: /malformed/, extent: null }, payload.join(' '))
    t.strictSame(recordsOf(content.sessions), [])
  }
})

t.test('a block whose writer was killed was never acknowledged, and is no flaw', async t => {
  const path = place(t)
  const before = openJournal(path)
  const counter = newCounter()
  const tokens = hold(counter, 'one', 3)
  before.journal.commit(counter)
  const whole = statSync(path).size
  hold(counter, 'two', 40)
  before.journal.commit(counter)
  before.journal.close()
  const bytes = readFileSync(path)
  for (let end = whole; end < bytes.length; end += 7) {
    const content = readJournal(bytes.subarray(0, end), 'boot-1')
    t.equal(content.flaw, null)
    t.equal(recordsOf(content.sessions).length, tokens.length, `${end} of ${bytes.length}`)
  }
})

t.test('another program reads it by its description', async t => {
  const path = place(t)
  const { journal } = openJournal(path)
  const counter = newCounter()
  const tokens = [...hold(counter, 'eins', 3), ...hold(counter, 'zwei ü€', 2)]
  journal.commit(counter)
  counter.release(tokens.shift()!)
  journal.commit(counter)
  const { clients, sessions } = readJournalAlone(readFileSync(path))
  t.strictSame(
    [...clients.values()].map(({ label }) => label),
    ['eins', 'zwei ü€'],
  )
  t.strictSame(
    [...sessions.values()].map(({ key }) => key),
    ['eins/1/1', 'eins/2/2', 'zwei ü€/0/0', 'zwei ü€/1/1'],
  )
  t.strictSame(
    [...sessions.values()]
      .map(({ slot, nonceHigh, nonceLow }) => formatToken(slot, nonceHigh, nonceLow))
      .sort(),
    tokensAt(crashed(path, join(dirname(path), 'left', 'sessions.journal'))),
  )
  journal.close()
})

/** Grants and releases in many turns, with what the journal must have after each. */
function liveLong(journal: Journal, counter: SessionCounter, held: Set<string>, turns: number): void {
  for (let turn = 0; turn < turns; turn++) {
    for (const token of hold(counter, `client-${turn % 7}`, 1 + (turn % 5))) held.add(token)
    if (held.size > 40) {
      for (const token of [...held].slice(0, turn % 9)) {
        held.delete(token)
        counter.release(token)
      }
    }
    journal.commit(counter)
  }
}

t.test('what has grown is made anew in small steps; at every moment a crash finds all of it', async t => {
  const path = place(t)
  const { journal, heard } = openJournal(path, 'boot-1', Date.now, 'run-1', {
    minBytes: 4000,
    placesInATurn: 5,
  })
  const counter = newCounter()
  const held = new Set<string>()
  let madeAnew = 0
  let underWay = 0
  let inode = 0
  for (let turn = 0; turn < 600; turn++) {
    for (const token of hold(counter, `client-${turn % 11}`, 1 + (turn % 3))) held.add(token)
    for (const token of [...held].slice(0, held.size > 60 ? 1 + (turn % 5) : 0)) {
      held.delete(token)
      counter.release(token)
    }
    journal.commit(counter)
    const now = statSync(path)
    if (now.ino !== inode) madeAnew++
    inode = now.ino
    if (existsSync(`${path}.new`)) underWay++
    if (turn % 7 > 0) continue
    const { clients, sessions } = readJournalAlone(readFileSync(path))
    const found = [...sessions.values()].map(({ slot, nonceHigh, nonceLow }) =>
      formatToken(slot, nonceHigh, nonceLow),
    )
    t.strictSame(found.sort(), [...held].sort())
    t.ok([...sessions.values()].every(({ client }) => clients.has(client)))
    t.equal(journal.lost, false)
  }
  t.ok(madeAnew > 5 && underWay > madeAnew * 5, `${madeAnew} times, in ${underWay} turns`)
  t.ok(statSync(path).size < 20_000, 'it does not grow for ever')
  t.strictSame(heard, [])
  journal.close()
  t.notOk(existsSync(`${path}.new`), 'it leaves nothing half made')
  t.strictSame(tokensAt(path), [...held].sort())
})

t.test('where it cannot be made anew it is written all the same, and told', async t => {
  const path = place(t)
  const { journal, heard } = openJournal(path, 'boot-1', Date.now, 'run-1', {
    minBytes: 4000,
    placesInATurn: 5,
  })
  const counter = newCounter()
  mkdirSync(join(`${path}.new`, 'in the way'), { recursive: true })
  // Its first file came before.
  t.match(heard, [])
  journal.commit(counter)
  t.match(heard, [/^degraded/])
  rmSync(`${path}.new`, { recursive: true })
  journal.heal(counter)
  mkdirSync(join(`${path}.new`, 'in the way'), { recursive: true })
  const held = new Set<string>()
  liveLong(journal, counter, held, 200)
  t.equal(journal.degraded, false)
  const told = heard.filter(line => line.startsWith('not compacted'))
  t.ok(told.length >= 1 && told.length <= 4, `${told.length} times, each when it had doubled`)
  rmSync(`${path}.new`, { recursive: true })
  const before = statSync(path).size
  liveLong(journal, counter, held, 300)
  t.ok(statSync(path).size < before, 'then it is made anew')
  journal.close()
  t.strictSame(tokensAt(path), [...held].sort())
})

t.test(
  'truncated or overwritten at any byte: it starts, it counts nothing twice, it can be written',
  async t => {
    const folder = t.testdir()
    const path = join(folder, 'sessions.journal')
    const { journal } = openJournal(path)
    const counter = newCounter()
    const tokens = new Set<string>()
    for (let turn = 0; turn < 30; turn++) {
      for (const token of hold(counter, `client-${turn % 7}`, 20)) tokens.add(token)
      journal.commit(counter)
    }
    journal.close()
    const good = readFileSync(path)
    const damage = fc.record({
      at: fc.double({ min: 0, max: 0.999, noNaN: true }),
      junk: fc.option(fc.uint8Array({ minLength: 1, maxLength: 5000 }), { nil: null }),
    })
    fc.assert(
      fc.property(damage, ({ at, junk }) => {
        const offset = Math.floor(good.length * at)
        const bytes = Buffer.from(junk === null ? good.subarray(0, offset) : good)
        if (junk !== null) bytes.set(junk.subarray(0, bytes.length - offset), offset)
        writeFileSync(path, bytes)
        const opened = openJournal(path)
        const read = tokensIn(opened.journal)
        if (new Set(read).size !== read.length) throw new Error('a session was read twice')
        if (read.some(token => !tokens.has(token))) throw new Error('a session was made up')
        const next = newCounter()
        next.restore(opened.journal.content.clients, opened.journal.content.sessions, 0)
        opened.journal.contentTaken()
        if (next.inUse !== read.length) throw new Error('read and counted differ')
        const [token] = hold(next, 'after-the-damage', 1)
        opened.journal.commit(next)
        if (opened.journal.degraded) throw new Error(`it cannot be written: ${opened.heard}`)
        opened.journal.close()
        const after = tokensAt(path)
        if (after.length !== next.inUse || !after.includes(token!))
          throw new Error('the new file lacks sessions')
        next.expire(Number.MAX_SAFE_INTEGER)
        if (next.inUse !== 1) throw new Error('what was read cannot be released')
      }),
      { numRuns: 150, examples: [[{ at: 0, junk: null }], [{ at: 0, junk: new Uint8Array(5000) }]] },
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
  rmSync(path)
  t.equal(journal.lost, true)
  journal.abandon()
  t.equal(journal.degraded, true)
  t.equal(journal.lost, false, 'that is told once')
  tokens.push(...hold(counter, 'two', 1))
  journal.commit(counter)
  t.ok(counter.hasChanges, 'nothing is written while it is degraded')
  journal.heal(counter)
  t.match(heard, [/^degraded: .* was removed or replaced$/, 'healed'])
  t.strictSame(tokensAt(crashed(path, join(dirname(path), 'left', 'sessions.journal'))), tokens.sort())

  writeFileSync(`${path}.other`, 'this is no journal '.repeat(100))
  renameSync(`${path}.other`, path)
  t.equal(journal.lost, true)
  journal.abandon()
  journal.heal(counter)
  t.equal(journal.degraded, false)
  t.match(heard.at(-2), /^set aside: .*: somebody else put it there$/)
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
  t.equal(recordsOf(third.journal.content.sessions).length, 1)
  third.journal.close()
})

t.test('where no file can be made it starts all the same, and heals when it can', async t => {
  const path = place(t)
  mkdirSync(path)
  const { journal, heard } = openJournal(path)
  t.match(heard, [/^degraded: EISDIR/])
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
    const path = join(disk.path, 'sessions.journal')
    const { journal } = openJournal(path)
    const counter = newCounter()
    const tokens: string[] = []
    for (let turn = 0; turn < 20; turn++) {
      tokens.push(...hold(counter, `client-${turn}`, 40))
      journal.commit(counter)
    }
    if (journal.degraded) degraded++
    disk.resize(1024)
    journal.heal(counter)
    t.equal(journal.degraded, false, `${kib} KiB`)
    const left = crashed(path, join(folder, `left-${kib}`, 'sessions.journal'))
    t.strictSame(tokensAt(left), tokens.sort(), `${kib} KiB`)
    journal.close()
  }
  t.ok(degraded > 3, `${degraded} of the disks were too small`)
})

t.test('a disk that fills up while it runs: what was committed stays, what comes later heals', async t => {
  const disk = SmallDisk.mount(t, 256)
  if (disk === null) return skip(t)
  const path = join(disk.path, 'sessions.journal')
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
  t.match(heard, [/^degraded: ENOSPC/])
  const left = crashed(path, join(t.testdir(), 'sessions.journal'))
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
  const path = join(disk.path, 'sessions.journal')
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
    const lived = join(t.testdir(), 'sessions.journal')
    const first = openJournal(lived)
    const counter = newCounter()
    const tokens = hold(counter, 'one', 50)
    first.journal.commit(counter)
    counter.release(tokens.pop()!)
    first.journal.commit(counter)
    const path = crashed(lived, join(disk.path, 'left', 'sessions.journal'))
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

for (const [what, harm] of [
  ['is cut', (path: string) => truncateSync(path, 100)],
  // A second daemon, whose lock file somebody removed, would go on with it as after a crash.
  ['somebody else writes to', (path: string) => appendFileSync(path, 'something')],
] as const) {
  t.test(`a file that ${what} is seen, and all is written anew`, async t => {
    const folder = t.testdir()
    const path = join(folder, 'sessions.journal')
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
    t.equal(journal.lost, false)
    t.strictSame(tokensAt(crashed(path, join(folder, 'left', 'sessions.journal'))), tokens.sort())
    journal.close()
  })
}

t.test('a lock that somebody wrote into is made anew', async t => {
  const path = place(t)
  writeFileSync(`${path}.lock`, 'this is no lock '.repeat(100))
  const { journal, heard } = openJournal(path)
  t.strictSame(heard, [])
  t.throws(() => openJournal(path), { code: 'daemon-already-running' })
  journal.close()
})
