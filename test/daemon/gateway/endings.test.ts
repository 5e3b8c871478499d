import { existsSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { openAs, startHere } from '../../support/daemon.ts'
import { handshakeText, knock, RawClient } from '../../support/raw-client.ts'
import { encodeFrame, OPCODE } from '../../support/raw-websocket.ts'
import { Site } from '../../support/site.ts'
import { until } from '../../support/until.ts'

const identity = { clientId: 'ivr-7', clientSecret: '2f1d8c4be0a94d52a1c3' }

async function start(t: Test, change: (site: Site) => void = () => undefined) {
  const site = new Site(t)
  change(site)
  await site.license({ maxSessions: 100 })
  return { ...(await startHere(t, site)), site }
}

t.test('a newer connection of the same client supersedes the older', async t => {
  const { site, client: open } = await start(t)
  const older = await openAs(t, site.socket, identity)
  await older.acquireAll(['a', 'b'])
  const newer = await open()
  t.match(await newer.call('hello', identity), { resumable: 2 })
  t.strictSame(await older.closed, { code: 4500, reason: 'superseded' })
  t.match(await newer.call('status.get'), { inUse: 2, orphaned: 2 })
  t.match(await newer.call('session.resume'), { resumed: 2 })
  await until('the older is gone', async () => (await newer.call('status.get')).connections === 1)
  t.match(await newer.call('status.get'), { inUse: 2, orphaned: 0 }, 'its end takes nothing from the newer')
})

t.test('two connections of one client in one turn: the later one wins, the other hears why', async t => {
  const { client: open } = await start(t)
  const [one, other] = [await open(), await open()]
  for (const client of [one, other])
    client.send(client.request('hello', identity), client.request('session.acquire', { key: 'k' }))
  t.strictSame(await one.closed, { code: 4500, reason: 'superseded' })
  t.equal((await other.next()).result.protocol, 'sessiond.v1')
  t.equal((await other.next()).result.granted, true)
  t.match(await other.call('status.get'), { inUse: 1, clients: 1 })
})

t.test('peers that vanish in the middle of something harm nobody', async t => {
  const {
    site,
    daemon,
    client: open,
    log,
  } = await start(t, ({ config }) => {
    config.listen.tcp.enabled = true
    writeFileSync(config.listen.tcp.tokenFile, 'token-of-the-tests', { mode: 0o600 })
  })
  const neighbour = await open()
  const frame = encodeFrame(OPCODE.text, neighbour.request('status.get'))
  const pieces = [
    '',
    'GET / HT',
    handshakeText().slice(0, -2),
    handshakeText(),
    Buffer.concat([Buffer.from(handshakeText()), frame.subarray(0, 9)]),
    Buffer.concat([Buffer.from(handshakeText()), frame, frame]),
    handshakeText({ headers: { Origin: 'null' } }),
  ]
  const { port } = daemon.addresses.tcp!
  for (const piece of pieces) {
    for (const how of ['closed', 'reset', 'closed on tcp'] as const) {
      const socket = how === 'closed' ? connect({ ...site.socket } as { path: string }) : connect(port)
      socket.on('error', () => undefined)
      await new Promise<void>(resolve => socket.once('connect', () => socket.write(piece, () => resolve())))
      if (how === 'reset') socket.resetAndDestroy()
      else socket.destroy()
    }
  }
  await until('all are gone', async () => (await neighbour.call('status.get')).connections === 1)
  t.strictSame(
    log.filter(({ level }) => level === 'error' || level === 'fatal'),
    [],
  )
})

t.test('a peer that ends its side without a word is closed', async t => {
  const { site, client: open } = await start(t)
  const observer = await open()
  const holder = await RawClient.open(site.socket)
  t.teardown(() => holder.cut())
  await holder.acquireAll(['a'])
  holder.socket.end()
  t.equal((await holder.closed).code, 1006)
  await until('its session is orphaned', async () => (await observer.call('status.get')).orphaned === 1)
  t.equal((await observer.call('status.get')).connections, 1)
})

t.test('the stop: it is announced, nothing more is granted, all replies leave, sessions stay', async t => {
  const { site, daemon } = await start(t, ({ config }) => {
    config.shutdown.drainMs = 400
  })
  const wants = await openAs(t, site.socket, { ...identity, notifications: ['draining'] })
  const silent = await openAs(t, site.socket)
  await wants.acquireAll(['a', 'b', 'c'])
  const [d] = await silent.acquireAll(['d'])
  const stopped = daemon.stop('test')
  t.strictSame(await wants.next(), { jsonrpc: '2.0', method: 'draining', params: { closesInMs: 400 } })

  const refused = await silent.call('session.acquire', { key: 'e' })
  t.strictSame(refused, { granted: false, reason: 'draining', inUse: 4, limit: 100 })
  t.match(await silent.call('session.acquire', { key: 'd' }), { granted: true, repeated: true, token: d })
  t.match(await silent.call('status.get'), { draining: true })
  t.equal(
    await wants
      .call('session.release', { token: (await wants.acquireAll(['a']))[0] })
      .then(result => result.released),
    true,
  )
  // Requests that are on their way when the connections are closed get their replies, in order, before the close.
  t.strictSame(await Promise.all([wants.closed, silent.closed]), [
    { code: 1001, reason: 'going away' },
    { code: 1001, reason: 'going away' },
  ])
  await stopped
  t.notOk(existsSync(site.config.listen.unix.path))
  t.equal(wants.waiting + silent.waiting, 0)

  const next = await startHere(t, site)
  const back = await next.client()
  t.match(await back.call('hello', identity), { resumable: 2, inUse: 3 })
  t.match(await back.call('session.resume', { tokens: [d] }), { resumed: 1 })
  t.match(await back.call('session.resume'), { resumed: 2 })
  t.match(await back.call('status.get'), { inUse: 3, orphaned: 0, draining: false })
})

t.test('what was read before the close is answered before the close', async t => {
  const { site, daemon } = await start(t)
  const client = await openAs(t, site.socket)
  const requests = Array.from({ length: 200 }, (_, call) =>
    client.request('session.acquire', { key: `call-${call}` }),
  )
  // The daemon runs in this process: it reads these only after `stop` was called, in the turn that closes.
  client.send(...requests)
  const stopped = daemon.stop('test')
  let replies = 0
  for (let frame = await client.nextFrame(); frame !== null; frame = await client.nextFrame()) {
    replies++
    t.equal(JSON.parse(frame.payload.toString()).result.reason, 'draining')
  }
  t.ok(replies === 0 || replies === 200, `${replies} of 200: all of a turn, or none`)
  t.equal((await client.closed).code, 1001)
  await stopped
})

t.test('a peer that does not answer the close frame delays the stop for a second at most', async t => {
  const { site, daemon } = await start(t)
  const path = (site.socket as { path: string }).path
  const deaf = connect(path)
  t.teardown(() => deaf.destroy())
  deaf.on('error', () => undefined)
  deaf.write(handshakeText())
  const observer = await openAs(t, site.socket)
  await until('it is connected', async () => (await observer.call('status.get')).connections === 2)
  // It never reads; and another hangs in the middle of its handshake.
  deaf.pause()
  const half = connect(path)
  t.teardown(() => half.destroy())
  half.on('error', () => undefined)
  half.write(handshakeText().slice(0, -2))
  const startedAt = performance.now()
  const stopped = daemon.stop('test')
  await observer.closed
  half.write('\r\n')
  await stopped
  t.ok(performance.now() - startedAt < 4000)
  await t.rejects(
    knock(site.socket, handshakeText()).then(({ status }) => {
      if (status === 0) throw new Error('nobody listens')
    }),
  )
})
