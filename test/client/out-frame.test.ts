import { Writable } from 'node:stream'
import fc from 'fast-check'
import t from 'tap'
import * as ws from 'ws'
import { OutFrame } from '../../src/client/out-frame.ts'
import { parameters } from '../property.ts'
import { bufferBytes } from '../support/memory.ts'

/** Exported by ws, and missing in its types. */
const { Receiver } = ws as unknown as { Receiver: new (options: object) => Writable }

/** What `ws` makes of the bytes, on the side of the server: a frame that is not masked would be an error. */
function receive(bytes: Buffer): string[] {
  const messages: string[] = []
  const receiver = new Receiver({ isServer: true })
  receiver.on('message', (data: Buffer, isBinary: boolean) => {
    if (isBinary) throw new Error('The frame is binary.')
    messages.push(data.toString())
  })
  receiver.on('error', (error: Error) => {
    throw error
  })
  receiver.write(bytes)
  return messages
}

/** A socket that takes what is written: at once, or where it `waits` when `take` is called. */
function sink(waits = false) {
  const chunks: Buffer[] = []
  const late: (() => void)[] = []
  const socket = new Writable({
    highWaterMark: 1024 * 1024,
    write(chunk: Buffer, _encoding, done) {
      const take = () => {
        chunks.push(Buffer.from(chunk))
        done()
      }
      if (waits) late.push(take)
      else take()
    },
  })
  const takeAll = async () => {
    for (let take = late.shift(); take !== undefined; take = late.shift()) {
      take()
      await new Promise(resolve => setImmediate(resolve))
    }
  }
  return { chunks, socket, takeAll }
}

t.test('a frame of each length of header, in characters of every width', async t => {
  const out = new OutFrame()
  const { chunks, socket } = sink()
  for (const length of [0, 1, 124, 125, 126, 127, 65_534, 65_535, 65_536, 65_537, 300_000]) {
    for (const tail of ['', 'é', '€', '\u{1f600}']) {
      const text = 'x'.repeat(Math.max(length - Buffer.byteLength(tail), 0)) + tail
      out.sendTo(socket, text)
      t.equal(chunks.length, 1, 'it is one write')
      const received = receive(chunks.pop()!)
      t.ok(received.length === 1 && received[0] === text, `${length} with ${tail}`)
    }
  }
})

t.test('whatever the text is', async t => {
  const out = new OutFrame()
  const { chunks, socket } = sink()
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme', maxLength: 300 }), { maxLength: 5 }), texts => {
      chunks.length = 0
      for (const text of texts) out.sendTo(socket, text)
      t.strictSame(receive(Buffer.concat(chunks)), texts)
    }),
    parameters(300),
  )
})

t.test('what the kernel has not taken stays as it is', async t => {
  const out = new OutFrame()
  const { chunks, socket, takeAll } = sink(true)
  const texts = Array.from({ length: 50 }, (_, index) => `${index} `.repeat(100))
  for (const text of texts) out.sendTo(socket, text)
  await takeAll()
  t.strictSame(receive(Buffer.concat(chunks)), texts)
})

t.test('what waits keeps no more memory than it needs', async t => {
  const out = new OutFrame()
  const { socket } = sink(true)
  const before = bufferBytes()
  for (let index = 0; index < 1000; index++) out.sendTo(socket, 'a request')
  t.equal(socket.writableLength, 15_000)
  t.ok(bufferBytes() - before < 1_000_000, `${bufferBytes() - before} bytes for 15,000`)
})

t.test('each frame has another mask', async t => {
  const out = new OutFrame()
  const { chunks, socket } = sink()
  for (let index = 0; index < 3000; index++) out.sendTo(socket, 'x')
  const masks = new Set(chunks.map(chunk => chunk.readUInt32BE(2)))
  // Of so many random masks two are the same once in a thousand runs, four hardly ever.
  t.ok(masks.size > 2996, `${masks.size} of 3000 masks are different`)
})
