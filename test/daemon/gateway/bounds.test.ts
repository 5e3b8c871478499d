import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { startHere } from '../../support/daemon.ts'
import { handshakeText, knock, RawClient } from '../../support/raw-client.ts'
import { Site } from '../../support/site.ts'
import { until } from '../../support/until.ts'

async function start(t: Test, change: (site: Site) => void = () => undefined) {
  const site = new Site(t)
  change(site)
  await site.license({ maxSessions: 100 })
  return { ...(await startHere(t, site)), site }
}

t.test('one connection more than allowed is refused, until one ends', async t => {
  const {
    client: open,
    site,
    logged,
  } = await start(t, ({ config }) => {
    config.bounds.maxConnections = 3
  })
  const clients = [await open(), await open(), await open()]
  const { status, headers, body } = await knock(site.socket, handshakeText())
  t.equal(status, 503)
  t.equal(headers['retry-after'], '1')
  t.equal(JSON.parse(body).code, 'too-many-connections')
  t.match(await logged('A connection was refused.'), { code: 'too-many-connections' })
  await clients[0]?.close()
  const fourth = await until('there is room', () => open().catch(() => null))
  t.equal((await fourth.call('status.get')).connections, 3)
})

t.test('who does not read is closed, and no one else notices', async t => {
  const { client: open, logged } = await start(t, ({ config }) => {
    config.bounds.maxBufferedBytes = 65_536
    config.bounds.maxFrameBytes = 65_536
  })
  const neighbour = await open()
  await neighbour.acquireAll(['of-the-neighbour'])
  const slow = await open()
  await slow.acquireAll(['of-the-slow'])
  slow.socket.pause()
  const request = slow.request('status.get')
  let slowestMs = 0
  await until('the slow one is closed', async () => {
    slow.send(...Array.from({ length: 50 }, () => request))
    const askedAt = performance.now()
    const { connections } = await neighbour.call('status.get')
    slowestMs = Math.max(slowestMs, performance.now() - askedAt)
    return connections === 1
  })
  t.match(await logged('A connection was closed.'), { cause: 'slow-reader' })
  t.match(await neighbour.call('status.get'), { inUse: 2, orphaned: 1 })
  t.ok(slowestMs < 2000, `the neighbour waited at most ${slowestMs} ms`)
})

t.test('who reads slowly, but reads, stays', async t => {
  const { client: open } = await start(t)
  const client = await open()
  client.socket.pause()
  // About 2 MB of replies: less than may wait.
  client.send(...Array.from({ length: 4000 }, () => client.request('status.get')))
  await until('the kernel takes no more', () => client.socket.readableLength === 0)
  client.socket.resume()
  for (let reply = 0; reply < 4000; reply++) t.equal((await client.next()).id, reply + 1)
  t.equal((await client.call('status.get')).connections, 1)
})

t.test('a head that is too long, or never ends', async t => {
  const { client: open, site } = await start(t, ({ config }) => {
    config.listen.tcp.enabled = true
    writeFileSync(config.listen.tcp.tokenFile, 'token-of-the-tests', { mode: 0o600 })
  })
  const neighbour = await open()
  for (const name of ['X-Long', 'Cookie', 'Sec-WebSocket-Protocol', 'Origin', 'Authorization']) {
    const { status } = await knock(site.socket, handshakeText({ headers: { [name]: 'x'.repeat(10_000) } }))
    t.equal(status, 431, name)
  }
  const many = Object.fromEntries(Array.from({ length: 3000 }, (_, index) => [`X-${index}`, '']))
  t.equal((await knock(site.socket, handshakeText({ headers: many }))).status, 431)
  t.equal((await knock(site.socket, `GET /${'x'.repeat(10_000)} HTTP/1.1\r\n\r\n`)).status, 431)

  // One that says nothing, one that stops in the middle: both are let go after five seconds.
  const startedAt = performance.now()
  const answers = await Promise.all(
    ['', 'GET / HTTP/1.1\r\nHost: local'].map(text => knock(site.socket, text)),
  )
  t.ok(performance.now() - startedAt > 4000)
  for (const { status } of answers) t.equal(status, 408)
  t.equal((await neighbour.call('status.get')).connections, 1)
})

t.test('a refused peer that keeps its side open is let go', async t => {
  const { site } = await start(t)
  const socket = connect({ path: (site.socket as { path: string }).path, allowHalfOpen: true })
  t.teardown(() => socket.destroy())
  socket.resume()
  socket.write(handshakeText({ headers: { Origin: 'http://evil.example' } }))
  await once(socket, 'end')
  // Our side is still open: what is written shows whether anybody is there.
  let error: NodeJS.ErrnoException | undefined
  socket.on('error', thrown => {
    error = thrown
  })
  await until('nobody is there', () => {
    if (error === undefined) socket.write('x')
    return error !== undefined
  })
  t.equal(error?.code, 'EPIPE')
})

t.test('a hundred connections come and go, and leave nothing behind', async t => {
  const { client: open, site } = await start(t)
  const observer = await open()
  const clients = await Promise.all(Array.from({ length: 100 }, () => RawClient.open(site.socket)))
  const tokens = await Promise.all(
    clients.map(async (client, index) => (await client.acquireAll([`call-${index}`]))[0]!),
  )
  t.match(await observer.call('status.get'), { inUse: 100, connections: 101, clients: 100 })
  await Promise.all(clients.map((client, index) => (index % 2 === 0 ? client.cut() : client.close())))
  await until('all are orphaned', async () => (await observer.call('status.get')).orphaned === 100)
  // Nobody of them had a secret: the tokens alone take the sessions back.
  t.strictSame(await observer.call('session.resume', { tokens }), { resumed: 100, unknown: [], replaced: {} })
  t.match(await observer.call('status.get'), { inUse: 100, orphaned: 0, connections: 1, clients: 1 })
  await observer.batch(tokens.map(token => ({ method: 'session.release', params: { token } })))
  t.match(await observer.call('status.get'), { inUse: 0, orphaned: 0, leaked: 0 })
})
