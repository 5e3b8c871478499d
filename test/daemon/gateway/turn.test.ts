// What a turn promises: all of its changes are committed, then all of its replies leave, in one write for each
// connection. Watched from inside: the sockets of the server are real, only their writes are counted.
import { once } from 'node:events'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { UnsealedSession } from '../../../src/daemon/gateway/connection.ts'
import { Gateway } from '../../../src/daemon/gateway/gateway.ts'
import { LeanSocket } from '../../../src/daemon/gateway/lean-socket.ts'
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

/** What left by a socket: by itself or past its stream. */
interface Sent {
  writes: number
  bytes: number
}

/** Counts what leaves by every socket that becomes a connection, until the test ends. */
function watchSockets(t: Test): Sent[] {
  const all: Sent[] = []
  const { takeOver } = LeanSocket
  LeanSocket.takeOver = socket => {
    const lean = takeOver(socket)
    if (lean !== null) all.push(countSent(lean))
    return lean
  }
  t.teardown(() => {
    LeanSocket.takeOver = takeOver
  })
  return all
}

function countSent(socket: LeanSocket): Sent {
  const sent = { writes: 0, bytes: 0 }
  const write = socket.write.bind(socket) as (bytes: Buffer | string, ...rest: unknown[]) => boolean
  socket.write = (bytes: Buffer | string, ...rest: unknown[]) => {
    sent.writes++
    sent.bytes += bytes.length
    return write(bytes, ...rest)
  }
  const writeNow = socket.writeNow.bind(socket)
  socket.writeNow = (bytes, start, end) => {
    const taken = writeNow(bytes, start, end)
    if (taken > 0) sent.writes++
    sent.bytes += taken
    return taken
  }
  return sent
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
  const sockets = watchSockets(t)
  const before: number[] = []
  const { path } = await startGateway(t, counter => {
    if (counter.hasChanges) before.push(sockets[0]!.bytes)
    counter.changesWritten()
  })
  const client = await RawClient.open({ path })
  t.teardown(() => client.cut())
  let sent = sockets[0]!.bytes
  for (let call = 0; call < 100; call++) {
    await client.call('session.acquire', { key: `call-${call}` })
    t.equal(before.at(-1), sent)
    t.ok(sockets[0]!.bytes > sent, 'the reply left by where it is looked for')
    sent = sockets[0]!.bytes
  }
  t.equal(before.length, 100, 'one commit for each')
})

t.test('a turn leaves in one write for each connection, and in one commit', async t => {
  const site = new Site(t)
  await site.license({ maxSessions: 1000 })
  await startHere(t, site)
  const clients: RawClient[] = []
  const sockets = watchSockets(t)
  for (let index = 0; index < 3; index++) clients.push(await openClient(t, site.socket))
  for (const client of clients) await client.call('hello', { notifications: ['limit'] })
  for (const sent of sockets) sent.writes = 0
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
  t.strictSame(
    sockets.map(({ writes }) => writes),
    [1, 1, 1],
  )
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
