// A lean socket is to all others a socket as every other; what it does past the stream must not be seen from outside.
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { connect, createServer, Socket } from 'node:net'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { TLSSocket } from 'node:tls'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { LeanSocket } from '../../../src/daemon/gateway/lean-socket.ts'
import { parameters } from '../../property.ts'
import { openClient, startHere } from '../../support/daemon.ts'
import type { RawClient } from '../../support/raw-client.ts'
import { encodeFrame, OPCODE } from '../../support/raw-websocket.ts'
import { Site } from '../../support/site.ts'
import { until } from '../../support/until.ts'

/** The two ends of a connection, as the server accepted it. */
async function pair(t: Test, over: 'unix' | 'tcp' = 'unix') {
  const server = createServer({ allowHalfOpen: true })
  if (over === 'unix') server.listen(join(new Site(t).folder, 'lean.sock'))
  else server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()!
  const accepted = once(server, 'connection')
  const peer = typeof address === 'string' ? connect(address) : connect(address.port, address.address)
  const [socket] = (await accepted) as [Socket]
  server.close()
  t.teardown(() => {
    peer.destroy()
    socket.destroy()
  })
  return { peer, socket }
}

async function leanPair(t: Test, over: 'unix' | 'tcp' = 'unix') {
  const { peer, socket } = await pair(t, over)
  const lean = LeanSocket.takeOver(socket)!
  t.teardown(() => lean.destroy())
  return { peer, lean, before: socket }
}

/** What is no short cycle, so that pieces that change places are found out. */
function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32LE(at, at)
  return bytes
}

async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

for (const over of ['unix', 'tcp'] as const) {
  t.test(`over ${over} both ends hear each other, and who gets an end may still speak`, async t => {
    const { peer, lean, before } = await leanPair(t, over)
    t.ok(before.destroyed)
    const heard: string[] = []
    lean.on('data', bytes => heard.push(String(bytes)))
    const ended = once(lean, 'end')
    peer.end('from the peer')
    await ended
    t.strictSame(heard, ['from the peer'])
    const answer = Buffer.from('from here')
    t.equal(lean.writeNow(answer, 0, 5), 5)
    lean.end(answer.subarray(5))
    t.equal(String(await readAll(peer)), 'from here')
    await until('it is closed', () => lean.destroyed)
  })
}

t.test('bytes are told before they are events, and are events again', async t => {
  const { peer, lean } = await leanPair(t)
  const told: string[] = []
  lean.on('data', bytes => told.push(`event ${bytes}`))
  lean.readsTo((bytes, end) => told.push(`told ${bytes.toString('utf8', 0, end)}`))
  peer.write('one')
  await until('it was told', () => told.length === 1)
  lean.readsTo(null)
  peer.write('two')
  await until('it was an event', () => told.length === 2)
  t.strictSame(told, ['told one', 'event two'])
})

t.test('events keep their bytes, and who pauses is not overrun', async t => {
  const { peer, lean } = await leanPair(t)
  const sent = pattern(3_000_000)
  lean.pause()
  peer.end(sent)
  await new Promise(resolve => setTimeout(resolve, 50))
  t.ok(lean.readableLength <= 2 * 65_536, 'what is not asked for stays with the kernel')
  t.ok((await readAll(lean)).equals(sent))
})

t.test('a peer that does not read: nothing is lost, nothing overtakes', async t => {
  const { peer, lean } = await leanPair(t)
  peer.pause()
  const sent = pattern(2_000_000)
  const taken = lean.writeNow(sent, 0, sent.length)
  t.ok(taken > 0 && taken < sent.length, `the kernel took ${taken}`)
  t.equal(lean.writeNow(sent, taken, sent.length), 0, 'it is full, which is no error')
  lean.write(sent.subarray(taken))
  t.equal(lean.writeNow(Buffer.from('x'), 0, 1), 0, 'what waits comes first')
  const received: Buffer[] = []
  peer.on('data', bytes => received.push(bytes))
  peer.resume()
  await once(lean, 'drain')
  t.equal(lean.writeNow(Buffer.from('end.'), 0, 4), 4)
  lean.end()
  await once(peer, 'end')
  t.ok(Buffer.concat(received).equals(Buffer.concat([sent, Buffer.from('end.')])))
})

t.test('a socket that was destroyed writes to nobody, who has its descriptor now', async t => {
  const { lean } = await leanPair(t)
  const { fd } = (lean as unknown as { _handle: { fd: number } })._handle
  const path = join(new Site(t).folder, 'file')
  lean.destroy()
  const files: number[] = []
  t.teardown(() => files.forEach(closeSync))
  // The kernel gives the lowest that is free.
  while ((files.at(-1) ?? -1) < fd) files.push(openSync(path, 'a'))
  t.equal(files.at(-1), fd, 'the kernel gave the number to another')
  t.equal(lean.writeNow(Buffer.from('secret'), 0, 6), 0)
  t.equal(readFileSync(path, 'utf8'), '')
})

t.test('one that said its end says nothing after it', async t => {
  const { peer, lean } = await leanPair(t)
  lean.end('last')
  t.equal(lean.writeNow(Buffer.from('more'), 0, 4), 0)
  t.equal(String(await readAll(peer)), 'last')
})

t.test('a peer that is gone is found out by the stream', async t => {
  const { peer, lean } = await leanPair(t)
  peer.destroy()
  await until('the peer is gone', () => peer.closed)
  const bytes = Buffer.from('to nobody')
  // Before this side reads the end of the other.
  t.equal(lean.writeNow(bytes, 0, bytes.length), 0)
  const failed = once(lean, 'error')
  lean.write(bytes)
  t.match(await failed, [{ code: 'EPIPE' }])
})

t.test('what it cannot take over stays as it is', async t => {
  const none = (socket: PassThrough | Socket) => t.equal(LeanSocket.takeOver(socket), null)
  none(new PassThrough())
  none(new Socket())
  const secret = await pair(t)
  none(new TLSSocket(secret.socket, { isServer: true }))

  const { peer, socket } = await pair(t)
  const below = socket as unknown as { _handle: { fd: number } }
  const handle = below._handle
  const instead = (changed: object) => {
    below._handle = Object.create(handle, Object.getOwnPropertyDescriptors(changed))
    none(socket)
    below._handle = handle
  }
  instead({ fd: undefined })
  instead({ fd: -1 })
  instead({ fd: handle.fd, useUserBuffer: undefined })
  socket.pause()
  socket.unshift(Buffer.from('unread'))
  none(socket)
  t.equal(String(socket.read()), 'unread')
  socket.write('still here')
  t.equal(String((await once(peer, 'data'))[0]), 'still here')
  socket.destroy()
  none(socket)
})

/** Requests of many clients, cut anywhere and mixed with each other; gives how many got what is theirs. */
async function talk(clients: readonly RawClient[], cuts: readonly number[], round: number): Promise<void> {
  const keysOf = (index: number) => [0, 1, 2].map(call => `${round}/${index}/${call}`)
  const texts = clients.map((client, index) =>
    Buffer.concat(
      keysOf(index).map(key => {
        const request = client.request('session.acquire', { key })
        return encodeFrame(OPCODE.text, request)
      }),
    ),
  )
  for (const end of [...cuts, 1]) {
    for (const [index, client] of clients.entries()) {
      const text = texts[index]!
      const size = end === 1 ? text.length : Math.floor(text.length * end)
      client.sendBytes(text.subarray(0, size))
      texts[index] = text.subarray(size)
    }
    await new Promise(resolve => setImmediate(resolve))
  }
  for (const client of clients) {
    for (let call = 0; call < 3; call++) {
      const { result } = await client.next()
      if (result?.granted !== true || result.repeated !== undefined) throw new Error(JSON.stringify(result))
    }
  }
}

t.test('many that share the memory hear nothing of each other', async t => {
  const site = new Site(t)
  await site.license({ maxSessions: 10_000 })
  const { daemon } = await startHere(t, site)
  t.ok(daemon)
  const clients: RawClient[] = []
  for (let index = 0; index < 8; index++) clients.push(await openClient(t, site.socket))
  let round = 0
  const cuts = fc.array(fc.double({ min: 0, max: 0.99, noNaN: true }), { maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(cuts, at => talk(clients, at, round++)),
    parameters(60),
  )
})

t.test('with a Node.js that is another inside, calls are served all the same', async t => {
  const { takeOver } = LeanSocket
  LeanSocket.takeOver = () => null
  t.teardown(() => {
    LeanSocket.takeOver = takeOver
  })
  const site = new Site(t)
  await site.license({ maxSessions: 100 })
  await startHere(t, site)
  const clients = [await openClient(t, site.socket), await openClient(t, site.socket)]
  await talk(clients, [0.1, 0.5], 0)
})
