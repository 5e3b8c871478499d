import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  linkSync,
  lstatSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Journal } from '../../../src/daemon/journal/journal.ts'
import { restoreSessions } from '../../../src/daemon/restore-sessions.ts'
import { createLogger } from '../../../src/log.ts'
import type { SessionCounter } from '../../../src/session/counter.ts'
import { formatToken } from '../../../src/session/token.ts'
import { recordsOf } from '../../support/earlier-sessions.ts'
import { readJournalAlone } from '../../support/journal-reader.ts'
import { hold, newCounter, openJournal, tokensAt, tokensIn } from './bench.ts'

/** A run that held sessions of two clients, and was killed. */
function killed(t: Test): { path: string; tokens: string[] } {
  const path = join(t.testdir(), 'sessions.journal')
  const { journal } = openJournal(path)
  const counter = newCounter()
  const tokens: string[] = []
  for (let turn = 0; turn < 20; turn++) {
    tokens.push(...hold(counter, `client-${turn % 2}`, 3))
    journal.commit(counter)
  }
  for (const token of tokens.splice(0, 10)) counter.release(token)
  journal.commit(counter)
  journal.close()
  return { path, tokens: tokens.sort() }
}

/** The next run on that file, when it has taken over what is there. */
function next(path: string, instanceId = 'run-2', bootId = 'boot-1') {
  const opened = openJournal(path, bootId, Date.now, instanceId, { minBytes: 4000, placesInATurn: 5 })
  const counter = newCounter()
  const found = tokensIn(opened.journal)
  const archive = { read: () => null, keep: () => undefined }
  const log = createLogger({ level: 'silent' })
  restoreSessions(opened.journal, counter, { archive, log, noteRun: () => undefined }, 0)()
  return { ...opened, counter, found }
}

function tokensAlone(path: string): string[] {
  const { sessions } = readJournalAlone(readFileSync(path))
  return [...sessions.values()]
    .map(({ slot, nonceHigh, nonceLow }) => formatToken(slot, nonceHigh, nonceLow))
    .sort()
}

t.test('a run goes on with the file of the last, and adds no more than who it is', async t => {
  const { path, tokens } = killed(t)
  const before = statSync(path)
  const bytes = readFileSync(path)
  for (let run = 2; run < 6; run++) {
    const { journal, found, heard } = next(path, `run-${run}`)
    t.strictSame(found, tokens)
    t.strictSame(heard, [])
    journal.close()
  }
  const after = statSync(path)
  t.equal(after.ino, before.ino)
  t.ok(after.size - before.size < 4 * 150, `${after.size - before.size} bytes more`)
  t.ok(readFileSync(path).subarray(0, bytes.length).equals(bytes))
  t.strictSame(tokensAlone(path), tokens)
  const { journal } = openJournal(path)
  t.strictSame(journal.content.stamp, { instanceId: 'run-5', era: 0 })
  journal.close()
})

t.test('what changes in the next run is in the file, and clients that are gone leave it', async t => {
  const { path, tokens } = killed(t)
  const { journal, counter, heard } = next(path)
  const more = hold(counter, 'client-2', 4)
  const kept = tokens.slice(5)
  for (const token of tokens.slice(0, 5)) counter.release(token)
  journal.commit(counter)
  t.strictSame(tokensAlone(path), [...kept, ...more].sort())
  counter.expire(Number.MAX_SAFE_INTEGER)
  journal.commit(counter)
  t.strictSame(tokensAlone(path), [...more].sort())
  t.equal(readJournalAlone(readFileSync(path)).clients.size, 1)
  t.strictSame(heard, [])
  journal.close()
})

t.test('what the writer was killed at is cut off before anything is added', async t => {
  const { path, tokens } = killed(t)
  const whole = readFileSync(path)
  // The beginning of a block that was far longer than what comes next.
  const long = Buffer.alloc(3000, 7)
  whole.copy(long, 0, whole.length - 17)
  for (const torn of [whole.subarray(19, 25), whole.subarray(19, 40), Buffer.of(0)]) {
    appendFileSync(path, torn)
    const { journal, counter, found, heard } = next(path)
    t.strictSame(found, tokens)
    tokens.push(...hold(counter, 'client-3', 1))
    tokens.sort()
    journal.commit(counter)
    journal.close()
    t.strictSame(tokensAlone(path), tokens)
    t.strictSame(heard, [])
  }
})

t.test('keys are what they were: for a retry, for the list, and when all is written anew', async t => {
  const { path, tokens } = killed(t)
  const keys = new Map(
    [...readJournalAlone(readFileSync(path)).sessions].map(([slot, { key }]) => [slot, key]),
  )
  const { journal, counter } = next(path)
  const application = counter.applications.named('ivr')!
  const { client } = counter.attach({ identity: 'client-1', label: null, process: null }, 0)
  const own = recordsAt(path).filter(record => record.client === client.index)
  t.ok(own.length > 20)
  for (const { slot, key } of own.slice(0, 5)) {
    t.match(counter.acquire(client, application, key, 0), { granted: true, repeated: true, slot })
  }
  t.equal(counter.inUse, tokens.length)
  journal.abandon()
  journal.heal(counter)
  journal.close()
  for (const { slot, key } of recordsAt(path)) t.equal(key, keys.get(slot))
})

function recordsAt(path: string) {
  return [...readJournalAlone(readFileSync(path)).sessions.values()]
}

t.test('what has grown too long over many runs is made anew, in steps', async t => {
  const { path } = killed(t)
  const inode = statSync(path).ino
  let run = 0
  let isAnew = false
  while (!isAnew && run < 50) {
    const { journal, counter } = next(path, `run-${run++}`)
    liveFor(journal, counter, 2)
    journal.close()
    isAnew = statSync(path).ino !== inode
  }
  t.ok(isAnew && run > 1, `after ${run} runs`)
  t.ok(statSync(path).size < 12_000)
  t.ok(tokensAlone(path).length > 0)
})

function liveFor(journal: Journal, counter: SessionCounter, turns: number): void {
  for (let turn = 0; turn < turns; turn++) {
    const tokens = hold(counter, 'busy', 2)
    journal.commit(counter)
    for (const token of tokens) counter.release(token)
    journal.commit(counter)
  }
}

t.test('where it may not go on with the file it makes a new one, which holds the same', async t => {
  const before: Record<string, (path: string) => void> = {
    'a link to a file elsewhere': path => {
      renameSync(path, `${path}.elsewhere`)
      symlinkSync(`${path}.elsewhere`, path)
    },
    'a file that others may open': path => chmodSync(path, 0o640),
    'a file that has another name as well': path => linkSync(path, `${path}.other-name`),
    'a file that somebody puts in its place meanwhile': () => undefined,
    'a file that is gone meanwhile': () => undefined,
  }
  const meanwhile: Record<string, (path: string) => void> = {
    'a file that somebody puts in its place meanwhile': path => {
      copyFileSync(path, `${path}.copy`)
      renameSync(`${path}.copy`, path)
    },
    'a file that is gone meanwhile': path => rmSync(path),
  }
  for (const [name, act] of Object.entries(before)) {
    const { path, tokens } = killed(t)
    act(path)
    const { journal, heard } = openJournal(path, 'boot-1', Date.now, 'run-2')
    const counter = newCounter()
    counter.restore(journal.content.clients, journal.content.sessions, 0)
    journal.contentTaken()
    meanwhile[name]?.(path)
    const ino = statSync(path, { throwIfNoEntry: false })?.ino
    journal.commit(counter)
    t.ok(lstatSync(path).isFile(), name)
    t.not(statSync(path).ino, ino, name)
    t.equal(journal.lost, false, name)
    t.strictSame([tokensAlone(path), heard], [tokens, []], name)
    journal.close()
    t.strictSame(tokensAt(path), tokens)
  }
})

t.test('another boot of the machine begins with a file of its own', async t => {
  const { path } = killed(t)
  const { ino } = statSync(path)
  const { journal, found } = next(path, 'run-2', 'boot-2')
  t.strictSame(found, [])
  t.not(statSync(path).ino, ino)
  journal.close()
})

t.test('after hours of calls no more of the file stays in memory than what holds is worth', async t => {
  const path = join(t.testdir(), 'sessions.journal')
  const { journal } = openJournal(path)
  const counter = newCounter()
  const [token] = hold(counter, 'one ü', 1)
  const kept = hold(counter, 'two ü', 2)
  liveFor(journal, counter, 3000)
  counter.release(token!)
  journal.commit(counter)
  journal.close()
  t.ok(statSync(path).size > 200_000)
  const { journal: later } = openJournal(path)
  t.strictSame(tokensIn(later), kept.sort())
  t.strictSame(
    recordsOf(later.content.sessions).map(({ key }) => key),
    ['two ü/0/0', 'two ü/1/1'],
  )
  later.close()
})
