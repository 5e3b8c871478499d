import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import t, { type Test } from 'tap'
import { StateStore } from '../../../src/daemon/state-store.ts'
import { openAs, openClient, startHere } from '../../support/daemon.ts'
import { Site } from '../../support/site.ts'
import { until } from '../../support/until.ts'

async function start(t: Test) {
  const site = new Site(t)
  await site.license({ maxSessions: 3 })
  const here = await startHere(t, site)
  const path = join(site.config.runtimeDirectory, 'operators.sock')
  await here.logged('Operators are served.')
  return { ...here, site, path, operator: await openClient(t, { path }) }
}

const operator = { uid: 4711, user: 'ann' }

t.test('only the socket of operators answers them, and only its owner may connect', async t => {
  const { path, operator, site, stop } = await start(t)
  t.equal(statSync(path).mode & 0o777, 0o600)
  const caller = await openAs(t, site.socket)
  for (const [method, params] of [
    ['sessions.list', {}],
    ['sessions.show', { id: '0-000000000000' }],
    ['sessions.release', { id: '0-000000000000', operator: { uid: null, user: null } }],
  ] as const) {
    await t.rejects(caller.call(method, params), { message: /operators' socket alone/ }, method)
    await operator.call(method, params)
  }
  t.match(await operator.call('status.get'), { limit: 3 })
  await stop()
  t.notOk(existsSync(path))
})

t.test(
  'an operator releases a session: the holder hears of it, it counts once, and it is on record',
  async t => {
    const { operator: ops, site, stop } = await start(t)
    const holder = await openAs(t, site.socket, {
      clientId: 'ivr-7',
      application: 'ivr',
      notifications: ['session'],
    })
    const { token } = await holder.call('session.acquire', { key: 'call-1' })
    await holder.call('session.acquire', { key: 'call-2' })
    const found = await ops.call('sessions.list', { application: 'ivr', limit: 1 })
    t.match(found, { total: 2, sessions: [{ key: 'call-1', client: 'ivr-7', orphaned: false }] })
    t.notMatch(JSON.stringify(found), token, 'no token is shown')
    t.match(await ops.call('sessions.list', { longerThanSeconds: 3600 }), { total: 0, sessions: [] })
    const { id } = found.sessions[0]
    t.match(await ops.call('sessions.show', { id }), { session: { id, key: 'call-1' } })

    const told = holder.next()
    const released = await ops.call('sessions.release', { id, operator, reason: 'left behind' })
    t.match(released, { released: true, audited: true, session: { id } })
    t.match(await told, { method: 'session.ended', params: { token, key: 'call-1', cause: 'operator' } })
    t.match(await ops.call('sessions.release', { id, operator }), { released: false, session: null })
    t.match(await ops.call('sessions.show', { id }), { session: null })
    t.match(await holder.call('session.release', { token }), { released: false })
    t.match(await ops.call('status.get'), { inUse: 1, released: 1 })

    await stop()
    const store = new StateStore(site.stateFile, Date.now(), () => undefined)
    t.teardown(() => store.close())
    const events = store.audit(trail => trail.read(0, 100))
    t.match(
      events.map(({ what }) => what),
      ['license.accepted', 'daemon.started', 'session.released', 'daemon.stopped'],
    )
    t.match(events[0], {
      after: { maxSessions: 3 },
      detail: { origin: 'license-file', fileOwnerUid: process.getuid?.() },
    })
    t.match(events[2], {
      actor: { program: 'operators-socket', uid: 4711, user: 'ann', certainty: 'claimed' },
      before: { id, key: 'call-1', client: 'ivr-7' },
      detail: { reason: 'left behind' },
    })
    t.match(
      store.audit(trail => trail.verify()),
      { ok: true, events: 4 },
    )
  },
)

t.test('states, reloads and bad licenses are on record', async t => {
  const { site, daemon, stop, operator: ops } = await start(t)
  for (const key of ['a', 'b', 'c']) await ops.call('session.acquire', { key })
  await until('it is full', async () => (await ops.call('status.get')).usage === 'full')
  site.install('no license')
  await until('it is rejected', async () => (await ops.call('license.get')).rejected !== null)
  await daemon.reload({ ...site.config, usage: { ...site.config.usage, holdSeconds: 1 } })
  await stop()
  const store = new StateStore(site.stateFile, Date.now(), () => undefined)
  t.teardown(() => store.close())
  const events = store.audit(trail => trail.read(0, 100))
  const of = (name: string) => events.find(({ what }) => what === name)
  t.match(of('usage.state'), { after: { state: 'full', inUse: 3, limit: 3 } })
  t.match(of('license.rejected'), { detail: { code: 'license-not-parsable' } })
  t.match(of('config.reloaded'), { before: { 'usage.holdSeconds': 60 }, after: { 'usage.holdSeconds': 1 } })
})

t.test('an operators socket that cannot be made stops nothing', async t => {
  const site = new Site(t)
  writeFileSync(join(site.config.runtimeDirectory, 'operators.sock'), 'something else')
  await site.license()
  const here = await startHere(t, site)
  t.match(await here.logged('Operators are not served'), { level: 'error', hint: /Move it away/ })
  t.match(await (await here.client()).call('session.acquire', { key: 'a' }), { granted: true })
})

t.test('a trail that cannot be written holds up no release', async t => {
  const { site, operator: ops, logged } = await start(t)
  await ops.call('session.acquire', { key: 'a' })
  // Held by another process for longer than the daemon waits.
  const lock = new Database(site.stateFile)
  t.teardown(() => lock.close())
  lock.exec('BEGIN IMMEDIATE')
  const [session] = (await ops.call('sessions.list')).sessions
  t.match(await ops.call('sessions.release', { id: session.id, operator }), {
    released: true,
    audited: false,
  })
  t.match(await logged('The audit trail cannot be written'), { level: 'error' })
  t.match(await ops.call('status.get'), { inUse: 0 })
  lock.exec('ROLLBACK')
})
