import { PassThrough, Writable } from 'node:stream'
import fc from 'fast-check'
import t from 'tap'
import * as ws from 'ws'
import { OutBuffer } from '../../../src/daemon/gateway/out-buffer.ts'
import { bufferBytes } from '../../support/memory.ts'
import { until } from '../../support/until.ts'

/** Exported by ws, and missing in its types. */
const { Receiver } = ws as unknown as { Receiver: new (options: object) => Writable }

/** What `ws` makes of the bytes: the messages of a client that is not ours. */
function receive(bytes: Buffer): string[] {
  const messages: string[] = []
  const receiver = new Receiver({ isServer: false })
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

/** Takes what is written, chunk by chunk, as a socket whose kernel takes all of it at once. */
function sink() {
  const chunks: Buffer[] = []
  const socket = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(Buffer.from(chunk))
      done()
    },
  })
  return { chunks, socket }
}

t.test('a frame of each length of header', async t => {
  const out = new OutBuffer()
  for (const length of [0, 1, 125, 126, 127, 65_535, 65_536, 70_000, 300_000]) {
    for (const character of ['x', 'é', '€', '\u{1f600}']) {
      const text = character.repeat(length)
      const { chunks, socket } = sink()
      out.addTextFrame(text)
      out.sendTo(socket)
      out.rewind()
      t.equal(chunks.length, 1)
      const received = receive(chunks[0]!)
      t.ok(received.length === 1 && received[0] === text, `${length} × ${character}`)
    }
  }
})

t.test('around each border of the header, in characters of every width', async t => {
  const out = new OutBuffer()
  for (const border of [126, 65_536]) {
    for (let bytes = border - 4; bytes <= border + 4; bytes++) {
      for (const tail of ['', 'é', '€', '\u{1f600}']) {
        const text = 'x'.repeat(bytes - Buffer.byteLength(tail)) + tail
        const { chunks, socket } = sink()
        out.addTextFrame(text)
        out.sendTo(socket)
        out.rewind()
        const [first, length] = [chunks[0]![0], chunks[0]![1]! & 0x7f]
        t.equal(first, 0x81)
        t.equal(length, bytes < 126 ? bytes : bytes < 65_536 ? 126 : 127, 'the shortest header')
        t.ok(receive(chunks[0]!)[0] === text)
      }
    }
  }
})

t.test('any frames for any connections arrive whole, each connection in one piece', async () => {
  const frame = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 300 }),
    fc.integer({ min: 0, max: 90_000 }).map(length => 'ä'.repeat(length)),
  )
  // Turns of connections of frames; whether the connection is slow to take them.
  const turns = fc.array(
    fc.array(fc.record({ frames: fc.array(frame, { maxLength: 6 }), slow: fc.boolean() }), { maxLength: 4 }),
    { maxLength: 4 },
  )
  await fc.assert(
    fc.asyncProperty(turns, async turns => {
      const out = new OutBuffer()
      const checks: (() => void)[] = []
      for (const turn of turns) {
        for (const { frames, slow } of turn) {
          const { chunks, socket } = sink()
          const gate = slow ? slowSocket() : null
          for (const text of frames) out.addTextFrame(text)
          out.sendTo(gate?.socket ?? socket)
          checks.push(() => {
            const pieces = gate === null ? chunks : gate.taken()
            const expected = frames.length === 0 ? 0 : 1
            if (pieces.length !== expected) throw new Error(`${pieces.length} writes`)
            const received = receive(Buffer.concat(pieces))
            if (JSON.stringify(received) !== JSON.stringify(frames)) throw new Error('other frames arrived')
          })
        }
        out.rewind()
      }
      // Only now do the slow ones read: by then the memory of their turn must not have been used again.
      for (const check of checks) check()
    }),
    { numRuns: 60 },
  )
})

/** Keeps a reference to what was written, as the kernel's queue does, and copies it only when asked. */
function slowSocket() {
  const chunks: Buffer[] = []
  const socket = new Writable({
    highWaterMark: 1,
    write(chunk: Buffer) {
      // `done` is never called: the chunk stays unsent.
      chunks.push(chunk)
    },
  })
  return { socket, taken: () => chunks.map(chunk => Buffer.from(chunk)) }
}

t.test('who does not read keeps no more memory than what waits', async t => {
  const out = new OutBuffer()
  const { socket } = slowSocket()
  const before = bufferBytes()
  for (let turn = 0; turn < 1000; turn++) {
    out.addTextFrame('a reply')
    out.sendTo(socket)
    out.rewind()
  }
  t.equal(socket.writableLength, 9000)
  t.ok(bufferBytes() - before < 1_000_000, `${bufferBytes() - before} bytes for 9000`)
})

t.test('nothing to say writes nothing', async t => {
  const out = new OutBuffer()
  const stream = new PassThrough()
  out.sendTo(stream)
  out.rewind()
  t.equal(stream.readableLength, 0)
})

t.test('one giant reply does not keep its memory', async t => {
  const out = new OutBuffer()
  const { chunks, socket } = sink()
  const before = bufferBytes()
  out.addTextFrame('x'.repeat(8_000_000))
  t.ok(bufferBytes() - before > 8_000_000)
  out.sendTo(socket)
  out.rewind()
  chunks.length = 0
  // Freed memory is counted off by a thread of its own.
  await until('the memory is free', () => bufferBytes() - before < 2_000_000)
})
