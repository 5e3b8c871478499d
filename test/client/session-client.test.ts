import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type ClientOptions, Fault, type Session, SessionClient } from '../../src/client/index.ts'
import { until } from './poll.ts'
import { SocketDaemon, type SocketOptions } from './socket-daemon.ts'

async function daemonFor(test: Test, options: SocketOptions = {}): Promise<SocketDaemon> {
  const daemon = await new SocketDaemon(options).listen()
  test.teardown(() => daemon.die())
  return daemon
}

function clientFor(test: Test, options: ClientOptions): SessionClient {
  const client = new SessionClient(options)
  test.teardown(() => client.close())
  return client
}

/** The path of a Unix socket must be short. */
function shortFolder(test: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'client-'))
  test.teardown(() => rmSync(folder, { recursive: true }))
  return folder
}

async function hold(client: SessionClient, key?: string): Promise<Session> {
  const outcome = await client.acquire(key === undefined ? {} : { key })
  if (!outcome.granted) throw new Error(`refused: ${outcome.reason}`)
  return outcome.session
}

t.test('over a Unix socket, named in either way', async t => {
  const socketPath = join(shortFolder(t), 'd.sock')
  const daemon = await daemonFor(t, { socketPath })
  for (const options of [{ socketPath }, { url: daemon.url }]) {
    await using client = new SessionClient(options)
    const session = await hold(client, 'call-1')
    t.equal(client.connected, true)
    t.equal(daemon.daemon.counter.inUse, 1)
    t.equal(await session.release(), true)
    t.equal(await session.release(), false)
  }
  const [request] = daemon.requests
  t.match(request?.headers, { 'sec-websocket-protocol': 'sessiond.v1', host: 'localhost' })
  t.notMatch(request?.headers, { origin: /./ })
  t.notMatch(request?.headers, { authorization: /./ })
  t.notMatch(request?.headers, { 'sec-websocket-extensions': /./ })
})

t.test('over TCP, with the token in the header', async t => {
  const daemon = await daemonFor(t)
  const client = clientFor(t, { url: daemon.url, token: 'the-token' })
  await hold(client)
  t.match(daemon.requests[0]?.headers, { authorization: 'Bearer the-token' })
})

t.test('a refusal is not thrown, and says what is full', async t => {
  const daemon = await daemonFor(t, { limit: 0 })
  const client = clientFor(t, { url: daemon.url })
  t.strictSame(await client.acquire({ key: 'a' }), {
    granted: false,
    reason: 'limit-reached',
    message: 'All licensed sessions are in use.',
    inUse: 0,
    limit: 0,
  })
})

t.test('keys that the client makes are all different', async t => {
  const daemon = await daemonFor(t, { limit: 1000 })
  const client = clientFor(t, { url: daemon.url })
  const sessions = await Promise.all(Array.from({ length: 100 }, () => hold(client)))
  t.equal(new Set(sessions.map(session => session.key)).size, 100)
  t.equal(client.sessions.size, 100)
  t.equal(daemon.daemon.counter.inUse, 100)
})

t.test('what cannot be asked for is rejected before it is sent', async t => {
  const daemon = await daemonFor(t)
  const client = clientFor(t, { url: daemon.url })
  for (const key of ['', 'with space', 'é', 'x'.repeat(129)]) {
    await t.rejects(client.acquire({ key }), { code: 'invalid-params' }, key)
  }
  await t.rejects(client.acquire({ application: '-' }), { code: 'invalid-params' })
  await hold(client, 'x'.repeat(128))
  await hold(client, '"quoted\\key"')
  t.match(await client.acquire({ application: 'voicemail' }), { session: { application: 'voicemail' } })
  t.throws(() => new SessionClient({ url: 'nowhere' }), { code: 'invalid-options' })
})

t.test('the calls of a turn share a frame, unless they must not', async t => {
  const daemon = await daemonFor(t, { limit: 100 })
  const batching = clientFor(t, { url: daemon.url })
  await batching.status()
  await Promise.all([1, 2, 3].map(() => hold(batching)))
  t.strictSame(daemon.daemon.frames.at(-1), ['session.acquire', 'session.acquire', 'session.acquire'])
  const single = clientFor(t, { url: daemon.url, batching: false })
  await single.status()
  const before = daemon.daemon.frames.length
  await Promise.all([1, 2, 3].map(() => hold(single)))
  t.strictSame(daemon.daemon.frames.slice(before), Array(3).fill(['session.acquire']))
})

t.test('a session and a client give back what they hold at the end of their scope', async t => {
  const daemon = await daemonFor(t)
  {
    await using client = new SessionClient({ url: daemon.url })
    {
      await using session = await hold(client)
      t.equal(session.state, 'held')
      t.equal(daemon.daemon.counter.inUse, 1)
    }
    t.equal(daemon.daemon.counter.inUse, 0)
    await hold(client)
  }
  t.equal(daemon.daemon.counter.inUse, 0)
  await until('the connection is closed', () => daemon.connections.size === 0)
})

t.test('it comes back after its daemon died, with its sessions', async t => {
  const daemon = await daemonFor(t)
  const client = clientFor(t, { url: daemon.url, acquireTimeoutMs: 20_000 })
  const sessions = await Promise.all([hold(client), hold(client)])
  const lost = once(client, 'disconnected')
  await daemon.die()
  t.match(await lost, [{ fault: { code: 'daemon-unreachable' } }])
  t.equal(client.connected, false)
  const released = sessions[0]?.release()
  const more = client.acquire({ key: 'asked-for-while-away' })
  const back = once(client, 'connected')
  await daemon.listen()
  t.match(await back, [{ resumed: 1, instanceId: 'run-2' }])
  t.equal(await released, true)
  t.match(await more, { granted: true })
  t.equal(daemon.daemon.counter.inUse, 2)
  t.equal(daemon.daemon.counter.orphaned, 0)
})

t.test('it comes back at once after a graceful stop', async t => {
  const daemon = await daemonFor(t)
  const client = clientFor(t, { url: daemon.url })
  await hold(client)
  const lost = once(client, 'disconnected')
  const back = once(client, 'connected')
  daemon.closeAll(1001)
  t.match(await lost, [{ code: 1001, retryInMs: 0 }])
  t.match(await back, [{ resumed: 1 }])
})

t.test('it ends where a newer connection took its place', async t => {
  const daemon = await daemonFor(t)
  const client = clientFor(t, { url: daemon.url })
  const session = await hold(client)
  const lost = once(client, 'disconnected')
  daemon.closeAll(4500)
  t.match(await lost, [{ code: 4500, retryInMs: null, fault: { code: 'superseded' } }])
  await t.rejects(client.acquire(), { code: 'superseded', hint: /fork/ })
  t.equal(await session.release(), false)
})

t.test('without a daemon callers are told in time', async t => {
  const client = clientFor(t, { socketPath: join(shortFolder(t), 'none.sock'), acquireTimeoutMs: 50 })
  await t.rejects(client.acquire(), { code: 'daemon-unreachable', message: /ENOENT/, retryable: true })
  await t.rejects(client.status(), Fault)
})

t.test('a name with several addresses, on which nobody listens, is said to be so', async t => {
  const client = clientFor(t, { url: 'ws://localhost:1', acquireTimeoutMs: 200 })
  await t.rejects(client.acquire(), { code: 'daemon-unreachable', message: /ECONNREFUSED/ })
})

t.test('a token that is refused', async t => {
  t.test('ends the client where it was given', async t => {
    const daemon = await daemonFor(t)
    daemon.judge = () => 401
    const client = clientFor(t, { url: daemon.url, token: 'wrong' })
    await t.rejects(client.acquire(), { code: 'unauthenticated', message: /The test refuses/ })
    await t.rejects(client.acquire(), { code: 'unauthenticated' })
    t.equal(daemon.requests.length, 1)
  })

  t.test('may be replaced where it is in a file', async t => {
    const tokenFile = join(t.testdir({ token: 'old' }), 'token')
    const daemon = await daemonFor(t)
    daemon.judge = ({ headers }) => (headers.authorization === 'Bearer new' ? 101 : 401)
    const client = clientFor(t, { url: daemon.url, tokenFile, acquireTimeoutMs: 20_000 })
    const outcome = client.acquire()
    await until('it tried twice', () => daemon.requests.length >= 2)
    writeFileSync(tokenFile, 'new\n')
    t.match(await outcome, { granted: true })
  })

  t.test('and so may a file that is missing', async t => {
    const tokenFile = join(t.testdir(), 'token')
    const daemon = await daemonFor(t)
    const client = clientFor(t, { url: daemon.url, tokenFile, acquireTimeoutMs: 20_000 })
    const [lost] = await once(client, 'disconnected')
    t.match(lost, { fault: { code: 'unauthenticated', message: /cannot be read/ } })
    writeFileSync(tokenFile, 'there')
    t.match(await client.acquire(), { granted: true })
  })
})

t.test('another refusal is told with its reason, and tried again', async t => {
  const daemon = await daemonFor(t)
  const bodies: [number, string, object][] = [
    [503, daemon.body, { message: /HTTP 503: The test refuses/, hint: 'Ask the test.' }],
    [403, JSON.stringify({ message: 'Only that.' }), { message: /403: Only that/, hint: /sessionctl/ }],
    [404, 'not JSON', { message: /HTTP 404/ }],
    [500, 'x'.repeat(20_000), { message: /HTTP 500/ }],
    [500, '{}', { message: /HTTP 500/ }],
  ]
  for (const [status, body, fault] of bodies) {
    daemon.judge = () => status
    daemon.body = body
    const client = clientFor(t, { url: daemon.url, acquireTimeoutMs: 20_000 })
    const outcome = client.acquire()
    const [lost] = await once(client, 'disconnected')
    t.match(lost, { fault: { code: 'daemon-unreachable', retryable: true, ...fault } })
    daemon.judge = () => 101
    t.match(await outcome, { granted: true })
  }
})

t.test('a daemon that hangs is given up, and found again', async t => {
  const daemon = await daemonFor(t)
  const options = { silenceTimeoutMs: 100, handshakeTimeoutMs: 100, acquireTimeoutMs: 20_000 }
  const client = clientFor(t, { url: daemon.url, ...options })
  await hold(client)
  daemon.freeze()
  const outcome = client.acquire()
  const [lost] = await once(client, 'disconnected')
  t.match(lost, { code: 1006, fault: { message: /does not answer/ } })
  await until('a new connection hangs too', () => daemon.requests.length >= 2)
  daemon.judge = () => 101
  t.match(await outcome, { granted: true })
  t.equal(client.sessions.size, 2)
})

t.test('a quiet connection lives on pings', async t => {
  const daemon = await daemonFor(t)
  const client = clientFor(t, { url: daemon.url, pingIntervalMs: 20, silenceTimeoutMs: 5000 })
  await client.status()
  let pings = 0
  for (const connection of daemon.connections) connection.on('ping', () => pings++)
  for (const connection of daemon.connections) connection.ping()
  await until('it pinged', () => pings >= 3)
  t.equal(client.connected, true)
  t.equal(daemon.requests.length, 1)
})

t.test('what the daemon tells reaches the listeners', async t => {
  const daemon = await daemonFor(t)
  const client = clientFor(t, { url: daemon.url })
  const { token } = await hold(client, 'a')
  const told = Promise.all([
    once(client, 'limitChanged'),
    once(client, 'licenseChanged'),
    once(client, 'sessionEnded'),
    once(client, 'draining'),
  ])
  daemon.notify('limit.changed', { limit: 5, inUse: 7 })
  daemon.notify('license.changed', { state: 'grace', admits: true, message: 'It expired.' })
  daemon.notify('session.ended', { token, key: 'a', cause: 'max-duration' })
  daemon.notify('draining', { closesInMs: 500 })
  t.match(await told, [
    [{ limit: 5, inUse: 7 }],
    [{ state: 'grace', admits: true }],
    [{ session: { key: 'a', state: 'ended' }, cause: 'max-duration' }],
    [{ closesInMs: 500 }],
  ])
})

t.test('a session does not show its token to those who print it', async t => {
  const daemon = await daemonFor(t)
  const client = clientFor(t, { url: daemon.url })
  const session = await hold(client)
  const { inspect } = await import('node:util')
  t.ok(session.token.length > 5)
  t.notOk(inspect(session, { depth: 9, showHidden: true }).includes(session.token))
  t.notOk(JSON.stringify(session).includes(session.token))
})

t.test('status and license', async t => {
  const daemon = await daemonFor(t)
  const client = clientFor(t, { url: daemon.url })
  t.match(await client.status(), { method: 'status.get' })
  t.match(await client.license(), { method: 'license.get' })
})

t.test('closing keeps the sessions where that is wanted', async t => {
  const daemon = await daemonFor(t)
  const client = new SessionClient({ url: daemon.url })
  await hold(client)
  await client.close({ keepSessions: true })
  await until('the connection is closed', () => daemon.connections.size === 0)
  t.equal(daemon.daemon.counter.orphaned, 1)
  await t.rejects(client.acquire(), { code: 'client-closed' })
  await client.close()
})

t.test('a thousand callers at a hundred sessions', async t => {
  const daemon = await daemonFor(t, { limit: 100 })
  const client = clientFor(t, { url: daemon.url })
  const outcomes = await Promise.all(Array.from({ length: 1000 }, () => client.acquire()))
  const sessions = outcomes.flatMap(outcome => (outcome.granted ? [outcome.session] : []))
  t.equal(sessions.length, 100)
  const released = await Promise.all(sessions.map(session => session.release()))
  t.ok(released.every(Boolean))
  t.equal(daemon.daemon.counter.inUse, 0)
})
