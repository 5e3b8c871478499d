import { join } from 'node:path'
import Database from 'better-sqlite3'
import t, { type Test } from 'tap'
import { sealEvent } from '../../../src/daemon/audit/chain.ts'
import { thisProcess } from '../../../src/daemon/audit/event.ts'
import { AUDIT_SCHEMA, AuditTrail } from '../../../src/daemon/audit/trail.ts'
import { StateStore } from '../../../src/daemon/state-store.ts'

const actor = thisProcess('test')

function open(t: Test, kept?: number) {
  const db = new Database(':memory:')
  t.teardown(() => db.close())
  db.exec(
    `CREATE TABLE licenses (number INTEGER PRIMARY KEY, accepted_at INTEGER, text TEXT); ${AUDIT_SCHEMA}`,
  )
  const trail = new AuditTrail(db, kept)
  const fill = (count: number) => {
    for (let n = 0; n < count; n++) {
      trail.append({ what: 'usage.state', actor, before: { n }, after: { n: n + 1 } }, 1_000_000 + n)
    }
  }
  return { db, trail, fill }
}

/** As somebody does who can write the file: without the triggers. */
function force(db: Database.Database, sql: string): void {
  const names = db.prepare("SELECT name FROM sqlite_master WHERE type = 'trigger'").pluck().all() as string[]
  for (const name of names) db.exec(`DROP TRIGGER ${name}`)
  db.exec(sql)
}

t.test('events are read back as they were, the newest ones, oldest first', async t => {
  const { trail, fill } = open(t)
  t.match(trail.verify(), { ok: true, events: 0, head: { number: 0, hash: '' } })
  fill(5)
  t.match(trail.read(0, 2), [
    { number: 4 },
    { number: 5, what: 'usage.state', actor, after: { n: 5 }, detail: null },
  ])
  t.match(trail.read(1_000_003, 10), [{ number: 4, at: 1_000_003 }, { number: 5 }])
  t.match(trail.verify(), { ok: true, events: 5, head: { number: 5 } })
})

t.test('every change of a row is found, at the row', async t => {
  const cases: [string, string, RegExp][] = [
    [
      'a word',
      "UPDATE audit SET body = replace(body, 'usage', 'usagE') WHERE number = 3",
      /event 3 was changed/,
    ],
    ['its time', 'UPDATE audit SET at = at + 1 WHERE number = 3', /event 3 belongs to another place or time/],
    ['its hash', "UPDATE audit SET hash = 'x' WHERE number = 3", /event 3 was changed/],
    ['one removed', 'DELETE FROM audit WHERE number = 3', /event 3 is missing/],
    ['the first removed', 'DELETE FROM audit WHERE number = 1', /event 1 is missing/],
    ['the anchor', "UPDATE audit_anchor SET hash = 'x'", /event 1 was changed/],
  ]
  for (const [name, sql, why] of cases) {
    const { db, trail, fill } = open(t)
    fill(5)
    force(db, sql)
    t.match(trail.verify(), { ok: false, why }, name)
  }
})

t.test('one that is rewritten with all after it is found by a hash that was noted', async t => {
  const { db, trail, fill } = open(t)
  fill(3)
  const noted = trail.head()
  t.equal(trail.hasHash(noted.number, noted.hash), true)
  fill(1)
  force(db, 'DELETE FROM audit WHERE number > 1')
  const head = trail.head()
  const forged = sealEvent({ what: 'daemon.started', actor }, 1_000_001, head)
  trail.append({ what: 'daemon.started', actor }, 1_000_001)
  trail.append({ what: 'daemon.stopped', actor }, 1_000_002)
  t.match(trail.verify(), { ok: true, events: 3 }, 'the chain alone cannot tell')
  t.equal(trail.hasHash(forged.number, forged.hash), true)
  t.equal(trail.hasHash(noted.number, noted.hash), false, 'the note can')
  t.equal(trail.hasHash(99, noted.hash), null)
})

t.test('old events go, and what is left is still proven by the anchor', async t => {
  const { db, trail, fill } = open(t, 100)
  fill(351)
  const { count } = db.prepare('SELECT count(*) AS count FROM audit').get() as { count: number }
  t.equal(count, 100)
  t.match(trail.verify(), { ok: true, events: 100, anchor: { number: 251 }, head: { number: 351 } })
  const { number, hash } = trail.anchor()
  t.equal(trail.hasHash(number, hash), true)
  t.equal(trail.hasHash(number - 1, hash), null)
  fill(600)
  t.ok((db.prepare('SELECT count(*) FROM audit').pluck().get() as number) <= 350, 'it is bounded')
  t.match(trail.verify(), { ok: true })
  force(db, 'DELETE FROM audit WHERE number = (SELECT min(number) FROM audit)')
  t.match(trail.verify(), { ok: false, why: /is missing/ }, 'more than the anchor allows')
})

t.test('the tables are added to at the end and nothing else', async t => {
  const { db, fill } = open(t)
  fill(3)
  for (const sql of [
    "UPDATE audit SET body = '{}'",
    'DELETE FROM audit WHERE number = 3',
    'DELETE FROM audit_anchor',
    'UPDATE audit_anchor SET number = -1',
  ]) {
    t.throws(() => db.exec(sql), { code: 'SQLITE_CONSTRAINT_TRIGGER' }, sql)
  }
})

t.test('the row of a license is written with it, or not at all', async t => {
  const path = join(t.testdir(), 'state.db')
  const store = new StateStore(path, 0, () => undefined, actor)
  t.teardown(() => store.close())
  const event = { what: 'license.accepted', after: { maxSessions: 5 } } as const
  const events = () => store.audit(trail => trail.read(0, 10))
  const lay = () => undefined
  t.equal(store.acceptLicense('one', 1, { after: null, lay, origin: 'license-file', event }), true)
  t.match(events(), [{ number: 1, what: 'license.accepted', actor, after: { maxSessions: 5 } }])
  t.equal(store.acceptLicense('two', 2, { after: null, lay, event }), false, 'another was first')
  const fails = () => {
    throw new Error('no room')
  }
  t.throws(() => store.acceptLicense('two', 2, { after: 'one', lay: fails, event }), /no room/)
  t.equal(store.acceptLicense('one', 3, { after: 'one', lay, event }), true, 'it is in force already')
  t.equal(events().length, 1)
  store.change('studio', () => 'text', event)
  store.change('studio', () => null, event)
  t.equal(events().length, 2)
  t.match(store.licenses(), [{ acceptedAt: 1, text: 'one', origin: 'license-file' }])
})

t.test('a state of the version before gets the trail', async t => {
  const path = join(t.testdir(), 'state.db')
  const db = new Database(path)
  db.exec(`CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE licenses (number INTEGER PRIMARY KEY, accepted_at INTEGER NOT NULL, text TEXT NOT NULL);
    INSERT INTO licenses VALUES (1, 7, 'old')`)
  db.pragma('user_version = 1')
  db.close()
  const store = new StateStore(path, 0, () => undefined, actor)
  t.strictSame(store.licenses(), [{ acceptedAt: 7, text: 'old', origin: null }])
  store.record({ what: 'daemon.started' }, 1)
  t.match(
    store.audit(trail => trail.verify()),
    { ok: true, events: 1 },
  )
  store.close()
})

t.test('who is behind sudo is a claim, and only where this is root', async t => {
  const isRoot = process.getuid?.() === 0
  const { behalfOf } = thisProcess('test', { SUDO_UID: '1000', SUDO_USER: 'ann' })
  t.strictSame(behalfOf, isRoot ? { uid: 1000, user: 'ann' } : undefined)
  t.equal(thisProcess('test', { SUDO_UID: 'x' }).behalfOf, undefined)
  t.match(actor, { uid: process.getuid?.(), certainty: 'seen' })
})
