// The Laws as the users of a running daemon see them: over real sockets, with real processes.
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { openAs, openClient, startHere } from '../support/daemon.ts'
import { startProcess, TestProgram } from '../support/processes.ts'
import type { RawClient } from '../support/raw-client.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const HOLDER = fileURLToPath(new URL('holder.ts', import.meta.url))

async function inUse(client: RawClient): Promise<number> {
  return (await client.call('status.get')).inUse
}

t.test('ten processes race for ten sessions: exactly ten are granted', async t => {
  const site = new Site(t, { sessions: { resumeWindowMs: 3_600_000 } })
  await site.license({ maxSessions: 10 })
  const here = await startHere(t, site)
  const { path } = site.config.listen.unix
  const holders = Array.from(
    { length: 10 },
    (_, index) => new TestProgram(t, HOLDER, [path, `racer-${index}`, '3']),
  )
  for (const holder of holders) t.equal(await holder.line(), 'ready')
  for (const holder of holders) holder.say('go')
  const results = (await Promise.all(holders.map(holder => holder.line()))).flatMap(line => JSON.parse(line))
  t.equal(results.length, 30)
  const granted = results.filter(result => result.granted)
  t.equal(granted.length, 10)
  t.equal(new Set(granted.map(({ token }) => token)).size, 10)
  for (const result of results.filter(({ granted }) => !granted)) {
    t.strictSame(result, { granted: false, reason: 'limit-reached', inUse: 10, limit: 10 })
  }

  const eleventh = await here.client()
  const refused = await eleventh.call('session.acquire', { key: 'the-eleventh' })
  t.strictSame(refused, { granted: false, reason: 'limit-reached', inUse: 10, limit: 10 })
  t.match(await eleventh.call('status.get'), { inUse: 10, peak: 10, denied: { 'limit-reached': 21 } })

  // The window is an hour: only that their processes are dead can free the sessions.
  await Promise.all(holders.map(holder => holder.kill()))
  await until('the sessions of dead processes are free', async () => (await inUse(eleventh)) === 0)
  t.equal((await eleventh.call('session.acquire', { key: 'the-eleventh' })).granted, true)
  t.match(await eleventh.call('status.get'), { inUse: 1, orphaned: 0, leaked: 0, released: 10 })
})

t.test('a lost connection keeps its sessions for the window, and no longer', async t => {
  const resumeWindowMs = 600
  const site = new Site(t, { sessions: { resumeWindowMs } })
  await site.license()
  const here = await startHere(t, site)
  const observer = await here.client()
  const holder = await here.client()
  await holder.acquireAll(['a', 'b', 'c'])
  await holder.cut()
  const cutAt = performance.now()
  await until('they are orphaned', async () => (await observer.call('status.get')).orphaned === 3)
  t.equal(await inUse(observer), 3)
  await until('they are free', async () => (await inUse(observer)) === 0)
  t.ok(performance.now() - cutAt >= resumeWindowMs - 100, 'not before the window has passed')
  t.match(await observer.call('status.get'), { inUse: 0, orphaned: 0, leaked: 3, released: 3 })
  t.match(await here.logged('were not resumed in time'), { level: 'warn', sessions: 3 })
})

t.test('who is back within the window keeps its sessions', async t => {
  const site = new Site(t, { sessions: { resumeWindowMs: 1500 } })
  await site.license()
  const here = await startHere(t, site)
  const observer = await here.client()
  const identity = { clientId: 'ivr-7', clientSecret: '2f1d8c4be0a94d52a1c3' }
  const before = await openAs(t, site.socket, identity)
  const tokens = await before.acquireAll(['a', 'b', 'c', 'd'])
  await before.cut()
  const cutAt = performance.now()

  const after = await openClient(t, site.socket)
  t.match(await after.call('hello', identity), { resumable: 4 })
  const one = tokens.slice(0, 1)
  t.strictSame(await after.call('session.resume', { tokens: one }), {
    resumed: 1,
    unknown: [],
    replaced: {},
  })
  t.strictSame(await after.call('session.acquire', { key: 'b' }), {
    granted: true,
    repeated: true,
    token: tokens[1],
    inUse: 4,
    limit: 10,
  })
  t.strictSame(await after.call('session.resume'), { resumed: 2, unknown: [], replaced: {} })
  await until('the window has passed', () => performance.now() - cutAt > 2000)
  t.match(await observer.call('status.get'), { inUse: 4, orphaned: 0, leaked: 0 })
})

t.test('a session is counted off once, however often it is released', async t => {
  const site = new Site(t)
  await site.license()
  const here = await startHere(t, site)
  const [one, other] = [await here.client(), await here.client()]
  const [token = ''] = await one.acquireAll(['call'])
  t.strictSame(await other.call('session.release', { token }), { released: true })
  for (const client of [one, other, one]) {
    t.strictSame(await client.call('session.release', { token }), { released: false })
  }
  t.equal(await inUse(one), 0)
  // The slot is used again: the old token must not release its new holder.
  const [next] = await one.acquireAll(['next-call'])
  t.strictSame(await other.call('session.release', { token }), { released: false })
  t.equal(await inUse(one), 1)
  t.not(next, token)
})

t.test('the owner of a held session may die: the connection counts, not the process', async t => {
  const site = new Site(t, { sessions: { resumeWindowMs: 3_600_000 } })
  await site.license()
  const here = await startHere(t, site)
  const owner = startProcess(t)
  const { pid, startTime } = owner
  const client = await here.client()
  t.match(await client.call('hello', { process: { pid, startTime } }), { processWatched: true })
  await client.acquireAll(['a', 'b'])
  await owner.kill()
  t.equal(await inUse(client), 2)
  await client.cut()
  const observer = await here.client()
  await until('its orphans are free at once', async () => (await inUse(observer)) === 0)
})

t.test('a process that cannot be seen is never taken for dead', async t => {
  const site = new Site(t, { sessions: { resumeWindowMs: 1500 } })
  await site.license()
  const here = await startHere(t, site)
  const owner = startProcess(t)
  const client = await here.client()
  const hello = await client.call('hello', {
    process: { pid: owner.pid, startTime: owner.startTime + 1 },
  })
  t.equal(hello.processWatched, false, 'another process has this pid now')
  await client.acquireAll(['a'])
  await client.cut()
  const cutAt = performance.now()
  const observer = await here.client()
  await until('the window ends it', async () => (await inUse(observer)) === 0)
  t.ok(performance.now() - cutAt > 1400)
  t.match(await observer.call('status.get'), { leaked: 1 })
})
