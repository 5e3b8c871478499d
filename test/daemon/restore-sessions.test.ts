// A journal that was behind names processes that others have followed: that those are dead ends no session.
import { appendFileSync, mkdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import Database from 'better-sqlite3'
import t, { type Test } from 'tap'
import { BlockEncoder } from '../../src/daemon/journal/encoder.ts'
import { noteStanding, restoreSessions } from '../../src/daemon/restore-sessions.ts'
import { StateStore } from '../../src/daemon/state-store.ts'
import { createLogger } from '../../src/log.ts'
import { hold, newCounter, openJournal } from './journal/bench.ts'

/** State and journal of a machine whose daemon was killed while it held three sessions of a process. */
function killed(t: Test) {
  const folder = t.testdir()
  const path = join(folder, 'sessions.journal')
  const { journal } = openJournal(path)
  const counter = newCounter()
  hold(counter, 'one', 3)
  journal.commit(counter)
  journal.close()
  const open = () => new StateStore(join(folder, 'state.db'), Date.now(), () => undefined)
  return { path, open }
}

/** A run of the daemon, from its start to its end: whose deaths it looks for, and what it notes of the journal. */
function run(path: string, open: () => StateStore) {
  const state = open()
  const { journal } = openJournal(path)
  const counter = newCounter()
  const log = createLogger({ level: 'silent' })
  restoreSessions(journal, counter, { archive: state, log, noteRun: () => undefined }, 0)()
  const found = {
    sessions: counter.inUse,
    looksFor: counter.orphanedProcesses(),
    isWhole: !journal.degraded,
    standing: state.read('journal-standing'),
    /** Sessions that the client can have by its identity alone. */
    resumable: counter.resumable(counter.attach({ identity: 'one', label: null, process: null }, 0).client),
  }
  journal.close()
  state.close()
  return found
}

const process = { pid: 7, startTime: 9 }

t.test('a journal that has all that was told is believed', async t => {
  const { path, open } = killed(t)
  const whole = { sessions: 3, looksFor: [process], isWhole: true, standing: null, resumable: 3 }
  t.strictSame(run(path, open), whole)
})

t.test('one that was behind is not, also not two runs later', async t => {
  const { path, open } = killed(t)
  const state = open()
  noteStanding(state, true)
  state.close()
  const unknown = { sessions: 3, looksFor: [], isWhole: true, standing: 'whole', resumable: 3 }
  t.strictSame(run(path, open), unknown)
  t.strictSame(run(path, open), unknown, 'the journal says itself that the process is not known')
})

t.test('one that healed is believed again', async t => {
  const { path, open } = killed(t)
  const state = open()
  noteStanding(state, true)
  noteStanding(state, false)
  state.close()
  t.match(run(path, open), { looksFor: [process], standing: 'whole' })
})

t.test('one of which bytes are damaged is not, nor in whose the sessions are', async t => {
  const { path, open } = killed(t)
  const change = new BlockEncoder()
  change.removeSession(4000)
  const block = Buffer.from(change.finish())
  const damaged = Buffer.from(block)
  damaged[damaged.length - 1]! ^= 1
  appendFileSync(path, Buffer.concat([damaged, block]))
  t.match(run(path, open), { sessions: 3, looksFor: [], resumable: 0 })
})

t.test('one that cannot be written at the start either is noted', async t => {
  const { path, open } = killed(t)
  rmSync(`${path}.lock`)
  mkdirSync(`${path}.lock`)
  t.match(run(path, open), { looksFor: [process], isWhole: false, standing: 'behind' })
})

t.test(
  'where the state could not be written either, a crash leaves no note, and the journal is believed',
  async t => {
    const { path, open } = killed(t)
    const state = open()
    const other = new Database(join(dirname(path), 'state.db'))
    other.exec('BEGIN IMMEDIATE')
    noteStanding(state, true)
    t.equal(state.read('journal-standing'), 'behind', 'it is kept in memory until it can be written')
    state.close()
    other.close()
    t.match(run(path, open), { looksFor: [process], standing: null })
  },
)
