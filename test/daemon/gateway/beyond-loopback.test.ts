// A listener that other machines reach: TLS, any Host, and pings, since its peers may vanish without a word.
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { openClient, startHere } from '../../support/daemon.ts'
import { handshakeText } from '../../support/raw-client.ts'
import { authorityFolder, Site } from '../../support/site.ts'
import { until } from '../../support/until.ts'

const TOKEN = 'token-of-the-tests'

async function startTls(t: Test) {
  const site = new Site(t)
  const { tcp } = site.config.listen
  tcp.enabled = true
  tcp.host = '0.0.0.0'
  // Any certificate will do: what is tested is the listener, not who may sign for it.
  tcp.tls = {
    certFile: join(authorityFolder, 'root/root.pem'),
    keyFile: join(authorityFolder, 'root/root.key'),
  }
  site.config.bounds.pingIntervalMs = 100
  writeFileSync(tcp.tokenFile, TOKEN, { mode: 0o600 })
  await site.license()
  const here = await startHere(t, site)
  return { ...here, site, port: here.daemon.addresses.tcp!.port }
}

function open(t: Test, port: number, options: object = {}): WebSocket {
  const socket = new WebSocket(`wss://127.0.0.1:${port}/`, ['sessiond.v1'], {
    rejectUnauthorized: false,
    headers: { Authorization: `Bearer ${TOKEN}`, Host: 'calls.example.com' },
    ...options,
  })
  t.teardown(() => socket.terminate())
  return socket
}

t.test('a peer that answers pings stays, whatever its Host says', async t => {
  const { port } = await startTls(t)
  const socket = open(t, port)
  await once(socket, 'open')
  let pings = 0
  socket.on('ping', () => pings++)
  await until('it was pinged several times', () => pings >= 4)
  socket.send('{"jsonrpc":"2.0","id":1,"method":"session.acquire","params":{"key":"a"}}')
  const [data] = await once(socket, 'message')
  t.equal(JSON.parse(String(data)).result.granted, true)
})

t.test('a peer that does not is closed, and its sessions are orphaned', async t => {
  const { site, port, logged } = await startTls(t)
  const observer = await openClient(t, site.socket)
  const socket = open(t, port, { autoPong: false })
  await once(socket, 'open')
  socket.send('{"jsonrpc":"2.0","id":1,"method":"session.acquire","params":{"key":"a"}}')
  await once(socket, 'close')
  t.match(await logged('A connection was closed.'), { cause: 'ping-timeout' })
  t.match(await observer.call('status.get'), { inUse: 1, orphaned: 1, connections: 1 })
})

t.test('a peer that sends requests need not answer pings', async t => {
  const { port } = await startTls(t)
  const socket = open(t, port, { autoPong: false })
  await once(socket, 'open')
  let pings = 0
  socket.on('ping', () => {
    pings++
    socket.send('{"jsonrpc":"2.0","id":1,"method":"status.get"}')
  })
  await until('several pings went by', () => pings >= 4)
  t.equal(socket.readyState, WebSocket.OPEN)
})

t.test('without TLS, or with another token, nobody comes in', async t => {
  const { port, logged } = await startTls(t)
  const socket = open(t, port, { headers: { Authorization: 'Bearer wrong' } })
  const [error] = await once(socket, 'error').catch(thrown => [thrown])
  t.match(error, { message: /401/ })
  t.match(await logged('A connection was refused.'), { code: 'unauthenticated' })
  const plain = new WebSocket(`ws://127.0.0.1:${port}/`, ['sessiond.v1'])
  t.teardown(() => plain.terminate())
  t.match((await once(plain, 'error').catch(thrown => [thrown]))[0], Error)
})

t.test('a peer that breaks off TLS in the middle harms nobody', async t => {
  const { site, port, log } = await startTls(t)
  const observer = await openClient(t, site.socket)
  for (let times = 0; times < 4; times++) {
    const socket = connect({ port, rejectUnauthorized: false }).on('error', () => undefined)
    await once(socket, 'secureConnect')
    socket.write(handshakeText({ headers: { Authorization: `Bearer ${TOKEN}` } }))
    await once(socket, 'data')
    socket.destroy()
  }
  await until('they are gone', async () => (await observer.call('status.get')).connections === 1)
  t.strictSame(
    log.filter(({ level }) => level === 'error'),
    [],
  )
})
