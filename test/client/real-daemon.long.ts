import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Driver } from '../../src/client/driver.ts'
import { type ClientOptions, type Session, SessionClient } from '../../src/client/index.ts'
import { settingsOf } from '../../src/client/options.ts'
import { DemoDaemon } from './demo-daemon.ts'
import { until } from './poll.ts'

/** The machine may be busy: no test here is about how fast a daemon starts. */
const PATIENT = { acquireTimeoutMs: 60_000, closeTimeoutMs: 60_000 }

/** Of the daemon that serves all tests but the first. */
const LIMIT = 100

const daemon = new DemoDaemon()
t.teardown(() => daemon.dispose())

/** Makes clients for one test, and sees to it that none of their sessions is left for the next one. */
function clientsFor(test: Test): (options?: ClientOptions) => SessionClient {
  const clients: SessionClient[] = []
  test.teardown(() => Promise.all(clients.map(client => client.close())))
  return options => {
    const client = new SessionClient({ socketPath: daemon.socketPath, ...PATIENT, ...options })
    clients.push(client)
    return client
  }
}

async function holdMany(client: SessionClient, count: number): Promise<Session[]> {
  const outcomes = await Promise.all(Array.from({ length: count }, () => client.acquire()))
  return outcomes.map(outcome => {
    if (!outcome.granted) throw new Error(`refused: ${outcome.reason}`)
    return outcome.session
  })
}

async function inUse(client: SessionClient): Promise<number> {
  return (await client.status()).inUse
}

t.test('ten clients race for ten sessions, and the eleventh is refused', async t => {
  await daemon.start(10)
  const newClient = clientsFor(t)
  const clients = Array.from({ length: 11 }, () => newClient())
  await Promise.all(clients.map(client => client.status()))
  const outcomes = await Promise.all(clients.map(client => client.acquire()))
  const refused = outcomes.filter(outcome => !outcome.granted)
  t.match(refused, [{ reason: 'limit-reached', inUse: 10, limit: 10 }])
  t.equal(refused.length, 1)
  const released = outcomes.map(outcome => (outcome.granted ? outcome.session.release() : false))
  t.equal((await Promise.all(released)).filter(Boolean).length, 10)
  const [client] = clients as [SessionClient]
  t.match(await client.status(), { inUse: 0, granted: 10, released: 10, denied: { 'limit-reached': 1 } })
  t.match(await client.license(), { state: 'active', limit: 10, demonstration: true })
})

t.test('after kill -9 under load every held session is resumed, and counted once', async t => {
  await daemon.stop()
  await daemon.start(LIMIT)
  const newClient = clientsFor(t)
  const clients = [newClient(), newClient(), newClient()]
  const held = (await Promise.all(clients.map(client => holdMany(client, 10)))).flat()
  const tokens = held.map(session => session.token)
  let running = true
  let pairs = 0
  const load = clients.flatMap(client =>
    Array.from({ length: 8 }, async () => {
      while (running) {
        const [session] = await holdMany(client, 1)
        await session?.release()
        pairs++
      }
    }),
  )
  for (let round = 0; round < 2; round++) {
    const before = pairs
    await until('the load runs', () => pairs > before + 200)
    const back = clients.map(client => once(client, 'connected'))
    await daemon.kill()
    await daemon.start(LIMIT)
    await Promise.all(back)
  }
  running = false
  await Promise.all(load)
  const [client] = clients as [SessionClient]
  t.ok(held.every(session => session.state === 'held'))
  t.strictSame(
    held.map(session => session.token),
    tokens,
    'under the tokens that they had',
  )
  t.match(await client.status(), { inUse: 30, orphaned: 0, leaked: 0 })
  const released = await Promise.all(held.map(session => session.release()))
  t.ok(released.every(Boolean))
  t.equal(await inUse(client), 0)
})

t.test('a graceful restart is not noticed by those who ask', async t => {
  const newClient = clientsFor(t)
  const client = newClient()
  const [session] = await holdMany(client, 1)
  const draining = once(client, 'draining')
  const lost = once(client, 'disconnected')
  const back = once(client, 'connected')
  const stopped = daemon.stop()
  t.match(await draining, [{ closesInMs: 500 }])
  const during = client.acquire({ key: 'asked-while-draining' })
  t.match(await lost, [{ code: 1001, retryInMs: 0 }])
  const after = client.acquire({ key: 'asked-while-away' })
  await stopped
  await daemon.start(LIMIT)
  t.match(await back, [{ resumed: 1 }])
  t.match(await during, { granted: true })
  t.match(await after, { granted: true })
  t.equal(await inUse(client), 3)
  t.equal(await session?.release(), true)
})

t.test('a journal that was lost: the calls that go on get their sessions again', async t => {
  const newClient = clientsFor(t)
  const client = newClient()
  const sessions = await holdMany(client, LIMIT)
  await daemon.kill()
  const back = once(client, 'connected')
  daemon.forget()
  const another = client.acquire()
  await daemon.start(LIMIT)
  t.match(await back, [{ resumed: 0 }])
  t.match(await another, { granted: false, reason: 'limit-reached' }, 'before anybody new')
  t.ok(sessions.every(session => session.state === 'held'))
  t.ok((await Promise.all(sessions.map(session => session.release()))).every(Boolean))
  t.equal(await inUse(client), 0)
})

t.test('a daemon that hangs is given up, and found again when it wakes', async t => {
  const newClient = clientsFor(t)
  const client = newClient({ silenceTimeoutMs: 200, handshakeTimeoutMs: 500 })
  const sessions = await holdMany(client, 3)
  daemon.signal('SIGSTOP')
  const hangUp = new AbortController()
  const aborted = t.rejects(client.acquire({ signal: hangUp.signal }), { name: 'AbortError' })
  const waiting = client.acquire()
  const lost = once(client, 'disconnected')
  setImmediate(() => hangUp.abort())
  await aborted
  t.match(await lost, [{ code: 1006, fault: { message: /does not answer/ } }])
  const back = once(client, 'connected')
  daemon.signal('SIGCONT')
  await back
  t.match(await waiting, { granted: true })
  t.ok(sessions.every(session => session.state === 'held'))
  await until('what was granted to nobody is given back', async () => (await inUse(client)) === 4)
  await until('nothing is left behind', async () => (await client.status()).orphaned === 0)
})

t.test('a caller who gave up while the daemon hung leaves nothing behind', async t => {
  const newClient = clientsFor(t)
  const client = newClient()
  const { granted } = await client.status()
  daemon.signal('SIGSTOP')
  const hangUp = new AbortController()
  const outcome = client.acquire({ signal: hangUp.signal })
  await new Promise(resolve => setImmediate(resolve))
  await new Promise(resolve => setImmediate(resolve))
  hangUp.abort()
  await t.rejects(outcome, { name: 'AbortError' })
  daemon.signal('SIGCONT')
  await until('it was granted', async () => (await client.status()).granted === granted + 1)
  await until('and given back', async () => (await inUse(client)) === 0)
})

t.test('of two with one identity the newer stays', async t => {
  const settings = settingsOf({ socketPath: daemon.socketPath, ...PATIENT })
  const faults: unknown[] = []
  const [older, newer] = ['older', 'newer'].map(
    name => new Driver(settings, (event, values) => faults.push([name, event, values[0]])),
  ) as [Driver, Driver]
  t.teardown(() => newer.core.close(false, performance.now()))
  older.core.start(performance.now())
  const outcome = await older.core.acquire('a', undefined, undefined, performance.now())
  newer.core.start(performance.now())
  t.match(await newer.core.query('status.get', performance.now()), { inUse: 1 })
  await until('the older has ended', () => older.core.state === 'ended')
  await t.rejects(older.core.acquire('b', undefined, undefined, performance.now()), { code: 'superseded' })
  t.match(faults, [
    ['older', 'connected'],
    ['newer', 'connected'],
    ['older', 'disconnected', { code: 4500, retryInMs: null, fault: { code: 'superseded' } }],
  ])
  const again = await newer.core.acquire('a', undefined, undefined, performance.now())
  t.equal(
    again.granted && again.session.token,
    outcome.granted && outcome.session.token,
    'the same key is the same session for it',
  )
})

t.test('over TCP, with the token of the daemon', async t => {
  await daemon.stop()
  const tokenFile = join(daemon.folder, 'token')
  writeFileSync(tokenFile, 'a-token-of-more-than-thirty-two-characters\n', { mode: 0o600 })
  const flags = [
    '--listen.tcp.enabled',
    'true',
    '--listen.tcp.port',
    '0',
    '--listen.tcp.tokenFile',
    tokenFile,
  ]
  const port = await daemon.runWith(flags)
  const url = `ws://127.0.0.1:${port}`
  await using client = new SessionClient({ url, tokenFile, ...PATIENT })
  const [session] = await holdMany(client, 1)
  t.equal(await session?.release(), true)
  for (const options of [{ url, token: 'wrong' }, { url }]) {
    await using stranger = new SessionClient({ ...options, ...PATIENT })
    await t.rejects(stranger.acquire(), { code: 'unauthenticated' })
  }
})

t.test('a call process that was busy for long does not give up a daemon that answered', async t => {
  const newClient = clientsFor(t)
  const client = newClient({ acquireTimeoutMs: 1000, silenceTimeoutMs: 1000 })
  await client.status()
  let losses = 0
  client.on('disconnected', () => losses++)
  const outcome = client.acquire()
  await new Promise(resolve => setImmediate(resolve))
  await new Promise(resolve => setImmediate(resolve))
  const busyUntil = performance.now() + 1500
  while (performance.now() < busyUntil);
  t.match(await outcome, { granted: true })
  t.equal(losses, 0)
})
