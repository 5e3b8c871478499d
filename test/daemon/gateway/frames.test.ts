import t, { type Test } from 'tap'
import { startHere } from '../../support/daemon.ts'
import { encodeClose, encodeFrame, OPCODE } from '../../support/raw-websocket.ts'
import { Site } from '../../support/site.ts'
import { until } from '../../support/until.ts'

const MAX_FRAME_BYTES = 4096

async function start(t: Test) {
  const site = new Site(t)
  site.config.bounds.maxFrameBytes = MAX_FRAME_BYTES
  await site.license()
  const here = await startHere(t, site)
  // One that is disturbed by nothing that the others do.
  const neighbour = await here.client()
  await neighbour.acquireAll(['of-the-neighbour'])
  const alone = () =>
    until('the other connection is gone', async () => {
      return (await neighbour.call('status.get')).connections === 1
    })
  return { ...here, neighbour, alone }
}

/** An acquire that is padded with spaces to that many bytes. */
function padded(key: string, bytes: number): string {
  return JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'session.acquire', params: { key } }).padEnd(bytes)
}

t.test(
  'a frame as long as allowed is read, a longer one is not, a far too long one ends the connection',
  async t => {
    const { client: open, neighbour, alone } = await start(t)
    const client = await open()
    client.send(padded('fits', MAX_FRAME_BYTES))
    t.equal((await client.next()).result.granted, true)
    for (const bytes of [MAX_FRAME_BYTES + 1, MAX_FRAME_BYTES * 4]) {
      client.send(padded('too-long', bytes))
      t.match(await client.next(), { id: null, error: { code: -32600, data: { code: 'frame-too-large' } } })
    }
    t.match(await client.call('status.get'), { inUse: 2, granted: 2 })
    client.send(padded('far-too-long', MAX_FRAME_BYTES * 4 + 1))
    t.equal((await client.closed).code, 1009)
    await alone()
    t.match(await neighbour.call('status.get'), { granted: 2 })
  },
)

t.test('bytes count, not characters', async t => {
  const { client: open } = await start(t)
  const client = await open()
  const text = JSON.stringify({ jsonrpc: '2.0', id: '€', method: 'status.get' })
  client.send(text.padEnd(MAX_FRAME_BYTES - 2))
  t.equal((await client.next()).id, '€')
  client.send(text.padEnd(MAX_FRAME_BYTES - 1))
  t.match(await client.next(), { error: { data: { code: 'frame-too-large' } } })
})

t.test('what must not be sent closes the connection, after the replies to what came before', async t => {
  const { client: open, neighbour, alone } = await start(t)
  const acquire = (key: string) => encodeFrame(OPCODE.text, padded(key, 0))
  const unmasked = Buffer.from([0x81, 2, 0x7b, 0x7d])
  const cases: [string, Buffer, number][] = [
    ['binary', encodeFrame(OPCODE.binary, '{}'), 1003],
    ['not UTF-8', encodeFrame(OPCODE.text, Buffer.from([0x22, 0xc3, 0x28, 0x22])), 1007],
    ['half a character', encodeFrame(OPCODE.text, Buffer.from([0x22, 0xe2, 0x82])), 1007],
    ['a reserved opcode', encodeFrame(3, '{}'), 1002],
    ['a frame without mask', unmasked, 1002],
    ['a reserved bit', Buffer.from([0xc1, 0x80, 0, 0, 0, 0]), 1002],
    ['a continuation of nothing', encodeFrame(OPCODE.continuation, '{}'), 1002],
    ['a ping that is too long', encodeFrame(OPCODE.ping, 'p'.repeat(126)), 1002],
    ['a ping in pieces', encodeFrame(OPCODE.ping, 'p', false), 1002],
    ['a close code that is not one', encodeClose(1005), 1002],
  ]
  for (const [name, bytes, code] of cases) {
    const client = await open()
    client.sendBytes(bytes)
    t.equal((await client.closed).code, code, name)
  }
  // The session was granted, so its caller should hear of it.
  const client = await open()
  client.sendBytes(acquire('granted-before'), encodeFrame(OPCODE.binary, '{}'), acquire('too-late'))
  t.equal((await client.next()).result.granted, true)
  t.strictSame(await client.closed, { code: 1003, reason: 'text frames only' })
  await alone()
  t.match(await neighbour.call('status.get'), { granted: 2, inUse: 2, orphaned: 1 })
})

t.test('nothing follows a close frame', async t => {
  // The reader of the client throws for a frame after the close frame.
  const { client: open, neighbour, alone } = await start(t)
  for (const [index, last] of [
    encodeClose(1000),
    encodeFrame(OPCODE.text, Buffer.from([0xff])),
    encodeFrame(3, ''),
  ].entries()) {
    const client = await open()
    client.sendBytes(encodeFrame(OPCODE.text, padded(`call-${index}`, 0)), last)
    t.equal((await client.closed).code, [1000, 1007, 1002][index])
  }
  await alone()
  t.match(await neighbour.call('status.get'), { granted: 4, orphaned: 3 })
})

t.test('a message in pieces is one message, and a ping may come between them', async t => {
  const { client: open } = await start(t)
  const client = await open()
  const text = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 'ü', method: 'status.get' }))
  const pieces = [...text].map((_, index) => {
    const opcode = index === 0 ? OPCODE.text : OPCODE.continuation
    return encodeFrame(opcode, text.subarray(index, index + 1), index === text.length - 1)
  })
  client.sendBytes(...pieces.slice(0, 30), encodeFrame(OPCODE.ping, 'still there?'))
  const pong = await client.nextFrame()
  t.equal(pong?.opcode, OPCODE.pong)
  t.equal(pong?.payload.toString(), 'still there?')
  client.sendBytes(...pieces.slice(30))
  t.equal((await client.next()).id, 'ü')

  // One byte at a time, the frames themselves torn apart.
  const frame = encodeFrame(OPCODE.text, client.request('status.get'))
  for (const byte of frame) {
    client.sendBytes(Buffer.from([byte]))
    await new Promise(resolve => setImmediate(resolve))
  }
  t.equal((await client.next()).result.draining, false)
})

t.test('a message in too many pieces ends the connection', async t => {
  const { client: open, alone } = await start(t)
  const client = await open()
  const piece = encodeFrame(OPCODE.continuation, ' ', false)
  client.sendBytes(encodeFrame(OPCODE.text, ' ', false), ...Array.from({ length: 1024 }, () => piece))
  t.equal((await client.closed).code, 1008)
  await alone()
})

t.test('requests may come together with the handshake', async t => {
  const { client: open } = await start(t)
  const head = Buffer.concat([
    encodeFrame(OPCODE.text, '{"jsonrpc":"2.0","id":1,"method":"hello","params":{}}'),
    encodeFrame(OPCODE.text, '{"jsonrpc":"2.0","id":2,"method":"session.acquire","params":{"key":"early"}}'),
  ])
  const client = await open({ head })
  t.match([await client.next(), await client.next()], [{ id: 1 }, { id: 2, result: { granted: true } }])
})

t.test('replies come in the order of the requests, through frames and batches', async t => {
  const { client: open } = await start(t)
  const client = await open()
  const texts: string[] = []
  for (let id = 0; id < 300; id += 3) {
    texts.push(JSON.stringify({ jsonrpc: '2.0', id, method: 'status.get' }))
    const params = { key: `key-${id}` }
    texts.push(
      JSON.stringify(
        [1, 2].map(plus => ({ jsonrpc: '2.0', id: id + plus, method: 'session.acquire', params })),
      ),
    )
  }
  client.send(...texts)
  const ids: unknown[] = []
  while (ids.length < 300) {
    const message = await client.next()
    ids.push(...[message].flat().map(({ id }) => id))
  }
  t.strictSame(
    ids,
    Array.from({ length: 300 }, (_, id) => id),
  )
})
