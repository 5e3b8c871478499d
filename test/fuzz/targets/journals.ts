import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { hold, newCounter, openJournal } from '../../daemon/journal/bench.ts'
import { mutateBytes } from '../mutate-bytes.ts'
import type { Random } from '../random.ts'
import { ensure, type Target } from '../target.ts'

const sessions = 60

/** Journal files: SQLite with damage, and SQLite in good order that holds nonsense. */
export const journals: Target = {
  name: 'journals',
  kind: 'documents',
  async open(t) {
    const folder = mkdtempSync(join(tmpdir(), 'sessiond-fuzz-'))
    t.teardown(() => rmSync(folder, { recursive: true }))
    const good = makeGood(join(folder, 'good.db'))
    return {
      make: random =>
        random.chance(70) ? damage(good, random) : nonsense(good, join(folder, 'odd.db'), random),
      judge: async input => judge(join(folder, 'journal.db'), input),
    }
  },
}

function makeGood(path: string): Buffer {
  const { journal } = openJournal(path)
  const counter = newCounter()
  hold(counter, 'one', sessions / 2)
  hold(counter, 'two', sessions / 2)
  journal.commit(counter)
  journal.close()
  return readFileSync(path)
}

/** Most of a page is empty: damage goes where something is. */
export function damage(good: Buffer, random: Random): Buffer {
  const bytes = Buffer.from(good)
  if (random.chance(20)) return mutateBytes(bytes, random)
  for (let rounds = random.between(1, 6); rounds > 0; rounds--) {
    let at = random.chance(40) ? random.below(110) : random.below(bytes.length)
    while (at < bytes.length - 1 && bytes[at] === 0) at++
    bytes[at] = random.chance(50) ? bytes[at]! ^ (1 << random.below(8)) : random.below(256)
  }
  return bytes
}

const values = [
  null,
  -1,
  0,
  1.5,
  2 ** 24,
  2 ** 48,
  1e300,
  '',
  'x',
  'x'.repeat(3000),
  Buffer.from('blob'),
] as const
const columns = ['slot', 'client', 'application', 'key', 'nonce_high', 'nonce_low', 'granted_at']

function nonsense(good: Buffer, path: string, random: Random): Buffer {
  writeFileSync(path, good)
  const db = new Database(path)
  try {
    for (let rounds = random.between(1, 4); rounds > 0; rounds--) {
      const value = random.pick(values)
      const number = random.below(sessions)
      const run = (sql: string, ...more: unknown[]) => db.prepare(sql).run(...more)
      const change = random.below(6)
      if (change === 0)
        run(
          `UPDATE OR IGNORE clients SET ${random.pick(['identity', 'label', 'pid', 'start_time'])} = ?`,
          value,
        )
      else if (change === 1)
        run('UPDATE meta SET value = ? WHERE name = ?', String(value), random.pick(['stamp', 'boot']))
      else if (change === 2) run('DELETE FROM clients WHERE number = ?', random.below(2))
      else if (change === 3) db.pragma(`user_version = ${random.below(4)}`)
      else {
        const sql = `UPDATE OR IGNORE sessions SET ${random.pick(columns)} = ? WHERE slot = ?`
        // A value that its column does not take leaves the row as it was.
        if (value !== null && !(typeof value !== 'number' && sql.includes('slot =')))
          run(sql.replace('SET slot', 'SET client'), value, number)
      }
    }
    db.pragma('journal_mode = DELETE')
  } finally {
    db.close()
  }
  return readFileSync(path)
}

function judge(path: string, input: Buffer): string {
  for (const end of ['', '-wal', '-shm']) rmSync(path + end, { force: true })
  writeFileSync(path, input)
  const { journal, heard } = openJournal(path)
  try {
    const { content } = journal
    const slots = new Set(content.sessions.map(({ slot }) => slot))
    ensure(slots.size === content.sessions.length, 'A slot came twice.')
    ensure(slots.size <= sessions, `${slots.size} sessions came of ${sessions}.`)
    const counter = newCounter()
    counter.restore(content.clients, content.sessions, 0)
    ensure(counter.inUse <= sessions, 'More are counted than were granted.')
    const restored = counter.inUse
    hold(counter, 'after', 1)
    journal.contentTaken()
    journal.commit(counter)
    for (let times = 0; times < 3; times++) journal.heal(counter)
    // A header of a format that SQLite reads and does not write: told, and counted in memory until somebody acts.
    if (journal.degraded && heard.some(line => line.includes('readonly')))
      return 'degraded: cannot be written'
    ensure(!journal.degraded, `A journal with damage does not heal: ${heard.join('; ')}`)
    journal.close()
    const next = openJournal(path)
    const kept = next.journal.content.sessions.length
    next.journal.close()
    ensure(kept === restored + 1, `${restored + 1} are held, ${kept} would be after a crash.`)
    if (heard.some(line => line.startsWith('set aside'))) return 'set aside'
    return heard.length > 0 ? 'degraded, then healed' : 'read'
  } finally {
    journal.close()
  }
}
