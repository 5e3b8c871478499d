// What a turn promises: all of its changes are committed, then all of its replies leave, in one write for each
// connection. Watched from inside: the sockets of the server are real, only their writes are counted.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { UnsealedSession } from '../../../src/daemon/gateway/connection.ts'
import { Gateway } from '../../../src/daemon/gateway/gateway.ts'
import { createNonces } from '../../../src/daemon/nonces.ts'
import { SessionCounter } from '../../../src/session/counter.ts'
import type { SessionPolicy } from '../../../src/session/policy.ts'
import { openClient, startHere } from '../../support/daemon.ts'
import { RawClient } from '../../support/raw-client.ts'
import { Site } from '../../support/site.ts'

const policy: SessionPolicy = {
  limit: 1000,
  refusal: null,
  features: new Set(),
  applications: new Map(),
  maxSessionsPerClient: 1000,
  maxApplications: 10,
  resumeWindowMs: 1000,
}
const bounds = {
  maxFrameBytes: 262_144,
  maxBatchLength: 512,
  maxConnections: 100,
  maxBufferedBytes: 4_194_304,
  authenticationTimeoutMs: 1000,
  pingIntervalMs: 1000,
}

/** Tells of every socket that a server accepts, until the test ends. */
function watchSockets(t: Test, onSocket: (socket: Socket) => void): void {
  const listener = (message: unknown) => onSocket((message as { socket: Socket }).socket)
  subscribe('net.server.socket', listener)
  t.teardown(() => unsubscribe('net.server.socket', listener))
}

/** Counts the writes of a socket. */
function countWrites(socket: Socket): { writes: number } {
  const counted = { writes: 0 }
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean
  socket.write = (...args: unknown[]) => {
    counted.writes++
    return write(...args)
  }
  return counted
}

/** A gateway with a real counter, whose commit does what the test says. */
async function startGateway(t: Test, commit: (counter: SessionCounter) => void) {
  const counter = new SessionCounter({ policy, nonces: createNonces(), previousSigner: null })
  const faults: unknown[] = []
  const sealed: UnsealedSession[] = []
  const time = { now: 0 }
  const answered: [count: number, beganAt: number][] = []
  const gateway = new Gateway({
    wallNow: Date.now,
    recordRelease: () => true,
    counter,
    policy: () => policy,
    bounds: () => bounds,
    accessToken: () => null,
    version: '0.0.0-test',
    instanceId: '0000000000000000',
    status: () => {
      throw new Error('no status here')
    },
    license: () => {
      throw new Error('no license here')
    },
    watchProcess: () => 'unknown',
    now: () => time.now,
    commit: () => commit(counter),
    seal: grant => {
      sealed.push(grant)
      return grant.token
    },
    onAcquires: (count, beganAt) => answered.push([count, beganAt]),
    events: {
      handshakeRefused: () => undefined,
      acceptFailed: () => undefined,
      connectionClosed: () => undefined,
      fault: error => faults.push(error),
    },
  })
  const door = () => ({ accessToken: null, hostMustBeLoopback: false, allowedOrigins: [] })
  const server = gateway.createServer({ door, tls: null, local: true })
  const path = join(new Site(t).folder, 'gateway.sock')
  server.listen(path)
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    return gateway.closeAll(1001, 'over', 100)
  })
  return { gateway, counter, faults, sealed, time, answered, path }
}

t.test('who has a reply has it from the journal', async t => {
  const committed = new Set<string>()
  const { path } = await startGateway(t, counter => {
    counter.writeChanges({
      putSession: (_slot, _client, _application, key) => committed.add(key),
      removeSession: () => undefined,
      putClient: () => undefined,
      removeClient: () => undefined,
    })
    counter.changesWritten()
  })
  const clients = await Promise.all([1, 2, 3].map(() => RawClient.open({ path })))
  t.teardown(() => Promise.all(clients.map(client => client.cut())))
  for (let round = 0; round < 50; round++) {
    const keys = [1, 2, 3].map(call => `${round}/${call}`)
    for (const client of clients) {
      client.send(
        ...keys.map(key => client.request('session.acquire', { key: `${clients.indexOf(client)}/${key}` })),
      )
    }
    for (const [index, client] of clients.entries()) {
      for (const key of keys) {
        t.ok((await client.next()).result.granted)
        t.ok(committed.has(`${index}/${key}`))
      }
    }
  }
  t.equal(committed.size, 450)
})

t.test('what the token of a retry can prove is the session that is counted', async t => {
  const { path, sealed, time } = await startGateway(t, counter => counter.changesWritten())
  const client = await RawClient.open({ path })
  t.teardown(() => client.cut())
  await client.call('session.acquire', { key: 'a', application: 'ivr' })
  time.now = 5000
  const { repeated } = await client.call('session.acquire', { key: 'a', application: 'fax' })
  t.equal(repeated, true)
  t.match(sealed.at(-1), { application: 'ivr', key: 'a', grantedAt: 0 })
})

t.test('at the commit, the reply has not even been written to the socket', async t => {
  let socket: Socket | undefined
  watchSockets(t, accepted => {
    socket = accepted
  })
  const before: number[] = []
  const { path } = await startGateway(t, counter => {
    if (counter.hasChanges) before.push(socket!.bytesWritten + socket!.writableLength)
    counter.changesWritten()
  })
  const client = await RawClient.open({ path })
  t.teardown(() => client.cut())
  let received = socket!.bytesWritten
  for (let call = 0; call < 100; call++) {
    await client.call('session.acquire', { key: `call-${call}` })
    t.equal(before.at(-1), received)
    received = socket!.bytesWritten
  }
  t.equal(before.length, 100, 'one commit for each')
})

t.test('a turn leaves in one write for each connection, and in one commit', async t => {
  const site = new Site(t)
  await site.license({ maxSessions: 1000 })
  const counts: { writes: number }[] = []
  await startHere(t, site)
  const clients: RawClient[] = []
  watchSockets(t, socket => counts.push(countWrites(socket)))
  for (let index = 0; index < 3; index++) clients.push(await openClient(t, site.socket))
  for (const client of clients) await client.call('hello', { notifications: ['limit'] })
  for (const count of counts) count.writes = 0
  for (const [index, client] of clients.entries()) {
    // One write of the client, which the server reads in one piece.
    const single = [1, 2, 3, 4].map(call => client.request('session.acquire', { key: `${index}/${call}` }))
    const requests = [5, 6].map(call => client.request('session.acquire', { key: `${index}/${call}` }))
    client.send(...single, `[${requests.join(',')}]`)
  }
  for (const client of clients) {
    for (let reply = 0; reply < 4; reply++) t.ok((await client.next()).result.granted)
    t.equal((await client.next()).length, 2)
    t.equal(client.waiting, 0)
  }
  t.strictSame(counts, [{ writes: 1 }, { writes: 1 }, { writes: 1 }])
})

t.test('a fault in one request closes its connection and no other', async t => {
  const { path, faults, counter, answered } = await startGateway(t, state => state.changesWritten())
  const [one, other] = [await RawClient.open({ path }), await RawClient.open({ path })]
  t.teardown(() => other.cut())
  await one.acquireAll(['a'])
  t.strictSame(answered, [[1, 0]])
  one.send(one.request('status.get'), one.request('session.acquire', { key: 'b' }))
  t.strictSame(await one.closed, { code: 4000, reason: 'internal-error' })
  t.match(faults, [{ message: 'no status here' }])
  t.equal((await other.call('session.acquire', { key: 'a' })).inUse, 2)
  t.equal(counter.inUse, 2)
})
