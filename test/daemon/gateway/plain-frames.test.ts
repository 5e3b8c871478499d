// Whatever comes in whatever pieces: with the quick reader in front of `ws` the same is heard as with `ws` alone.
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { connect, createServer, type Server, Socket } from 'node:net'
import { join } from 'node:path'
import { type Duplex, duplexPair } from 'node:stream'
import fc from 'fast-check'
import t from 'tap'
import { type WebSocket, WebSocketServer } from 'ws'
import { LeanSocket } from '../../../src/daemon/gateway/lean-socket.ts'
import { readPlainFrames } from '../../../src/daemon/gateway/plain-frames.ts'
import { parameters } from '../../property.ts'
import { encodeClose, encodeFrame, OPCODE } from '../../support/raw-websocket.ts'
import { Site } from '../../support/site.ts'

const MAX_BYTES = 100_000
/** As the handshake bounds it: a longer message ends the connection. */
const MAX_PAYLOAD = 4 * MAX_BYTES

const server = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: MAX_PAYLOAD })
const request = {
  method: 'GET',
  headers: {
    upgrade: 'websocket',
    connection: 'Upgrade',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'sec-websocket-version': '13',
  },
} as unknown as IncomingMessage

/** What is heard of these pieces, and what is answered; `quick` counts what the quick reader read. */
async function hear(
  pieces: readonly Buffer[],
  isQuick: boolean,
  [here, there]: readonly [Duplex, Duplex] = duplexPair(),
) {
  const heard: string[] = []
  const answered: Buffer[] = []
  let quick = 0
  there.on('data', bytes => answered.push(bytes as Buffer))
  const closed = new Promise<void>(resolve => {
    server.handleUpgrade(request, here, Buffer.alloc(0), ws => {
      ws.on('message', (data, isBinary) => heard.push(isBinary ? `binary ${data}` : `text ${data}`))
      ws.on('error', error => heard.push(`error ${(error as { code?: string }).code}`))
      ws.on('close', code => {
        heard.push(`closed ${code}`)
        resolve()
      })
      if (!isQuick) return
      readPlainFrames(ws, here, MAX_BYTES, (text, bytes) => {
        quick++
        if (Buffer.byteLength(text) !== bytes) throw new Error('It is told another length.')
        heard.push(`text ${text}`)
      })
    })
  })
  // A copy: bytes are unmasked where they lie.
  for (const piece of pieces) {
    there.write(Buffer.from(piece))
    // The kernel would put them together again.
    if (there instanceof Socket) await new Promise(resolve => setTimeout(resolve, 1))
  }
  there.end()
  await closed
  // What a socket of the kernel was given may not have come yet.
  if (there instanceof Socket && !there.closed) await once(there, 'close')
  return { heard, answered: Buffer.concat(answered), quick }
}

const MASK = Buffer.from([0x11, 0xa2, 0x33, 0xc4])
const frame = (opcode: number, payload: Buffer | string, final = true) =>
  encodeFrame(opcode, payload, final, MASK)

const ascii = fc.string({ maxLength: 300 }).map(text => frame(OPCODE.text, text))
const unicode = fc.string({ unit: 'grapheme', maxLength: 50 }).map(text => frame(OPCODE.text, text))
const large = fc
  .nat({ max: 3 })
  .map(size => frame(OPCODE.text, 'x'.repeat([126, 65_535, 65_536, 100_001][size]!)))
const control = fc
  .tuple(fc.constantFrom(OPCODE.ping, OPCODE.pong), fc.string({ maxLength: 20 }))
  .map(([opcode, text]) => frame(opcode, text))
const inPieces = fc
  .tuple(fc.string({ maxLength: 20 }), control, fc.string({ maxLength: 20 }))
  .map(([first, between, last]) =>
    Buffer.concat([frame(OPCODE.text, first, false), between, frame(OPCODE.continuation, last)]),
  )
const binary = fc.string({ maxLength: 20 }).map(text => frame(OPCODE.binary, text))
const wrong = fc.constantFrom(
  frame(OPCODE.text, Buffer.from([0x22, 0xc3, 0x28])),
  frame(3, 'reserved'),
  frame(OPCODE.ping, 'in pieces', false),
  frame(OPCODE.ping, 'p'.repeat(126)),
  frame(OPCODE.continuation, 'of nothing'),
  Buffer.from([0x81, 2, 0x7b, 0x7d]),
  Buffer.from([0xc1, 0x80, 0, 0, 0, 0]),
  Buffer.from([0x89, 0x01, 0x00]),
  frame(OPCODE.text, 'x'.repeat(MAX_PAYLOAD + 1)),
  encodeClose(1005),
  encodeClose(1000, 'good-bye'),
  Buffer.from([0x81, 0xfe, 0x00]),
  Buffer.alloc(0),
)
const usual = fc.oneof({ weight: 6, arbitrary: ascii }, { weight: 2, arbitrary: unicode }, control)
const frames = fc
  .tuple(
    fc.array(usual, { maxLength: 12 }),
    fc.array(fc.oneof(usual, large, inPieces, binary, wrong), { maxLength: 4 }),
    fc.array(usual, { maxLength: 4 }),
  )
  .map(parts => Buffer.concat(parts.flat()))

/** The bytes, cut at places that are shares of what is left. */
function cut(bytes: Buffer, shares: readonly number[]): Buffer[] {
  const pieces: Buffer[] = []
  let at = 0
  for (const share of shares) {
    const end = at + Math.ceil((bytes.length - at) * share)
    if (end > at) pieces.push(bytes.subarray(at, end))
    at = end
  }
  if (at < bytes.length) pieces.push(bytes.subarray(at))
  return pieces
}

/** Where to cut. Numbers of which each is as likely: small ones would cut off a byte and leave the rest to `ws`. */
const shares = fc.array(
  fc.nat({ max: 100 }).map(percent => percent / 100),
  { maxLength: 6 },
)

t.test('it hears what ws hears, and answers as it does', async t => {
  let quick = 0
  await fc.assert(
    fc.asyncProperty(frames, shares, async (bytes, at) => {
      const pieces = cut(bytes, at)
      const [alone, together] = [await hear(pieces, false), await hear(pieces, true)]
      quick += together.quick
      if (together.heard.join('\n') !== alone.heard.join('\n'))
        throw new Error(`heard ${together.heard.join(', ')} instead of ${alone.heard.join(', ')}`)
      if (!together.answered.equals(alone.answered))
        throw new Error(
          `answered ${together.answered.toString('hex')}, not ${alone.answered.toString('hex')}`,
        )
    }),
    parameters(400),
  )
  t.ok(quick > 200, `${quick} messages were read past ws`)
})

t.test('so it is with sockets that share their memory, which is another’s when they were read', async t => {
  const listener = createServer({ allowHalfOpen: true }).listen(join(new Site(t).folder, 'frames.sock'))
  await once(listener, 'listening')
  t.teardown(() => listener.close())
  let quick = 0
  await fc.assert(
    fc.asyncProperty(frames, shares, async (bytes, at) => {
      const pieces = cut(bytes, at)
      const [alone, together] = [
        await hear(pieces, false, await kernelEnds(listener)),
        await hear(pieces, true, lean(await kernelEnds(listener))),
      ]
      quick += together.quick
      t.strictSame(together.heard, alone.heard)
      if (!alone.answered.equals(together.answered))
        throw new Error(`${together.answered.toString('hex')}, not ${alone.answered.toString('hex')}`)
    }),
    parameters(150),
  )
  t.ok(quick > 80, `${quick} messages were read past ws`)
})

/** What a server accepted, and its peer. */
async function kernelEnds(listener: Server): Promise<[Duplex, Socket]> {
  const accepted = once(listener, 'connection')
  const peer = connect(listener.address() as string)
  // Cut off by `ws`, which does not wait for what it does not want to read.
  peer.on('error', () => undefined)
  await once(peer, 'connect')
  return [(await accepted)[0], peer]
}

/** The same with a lean socket, whose memory is overwritten after each read. */
function lean([socket, peer]: [Duplex, Socket]): [Duplex, Socket] {
  const taken = LeanSocket.takeOver(socket)!
  const readsTo = taken.readsTo.bind(taken)
  taken.readsTo = onBytes => {
    if (onBytes === null) readsTo(null)
    else
      readsTo((bytes, end) => {
        onBytes(bytes, end)
        bytes.fill('z', 0, end)
      })
  }
  return [taken, peer]
}

t.test('usual frames never reach ws, also in pieces and between pings', async t => {
  const texts = ['{"id":1}', 'ü€😀', '', 'x'.repeat(200), '{"id":2}']
  const bytes = Buffer.concat(texts.flatMap(text => [frame(OPCODE.text, text), frame(OPCODE.ping, 'p')]))
  const { heard, quick } = await hear(
    [bytes.subarray(0, 20), bytes.subarray(20, 150), bytes.subarray(150)],
    true,
  )
  t.strictSame(
    heard.slice(0, -1),
    texts.map(text => `text ${text}`),
  )
  t.equal(quick, texts.length)
})

t.test('a frame that comes byte by byte is left to ws', async t => {
  const bytes = Buffer.concat([
    frame(OPCODE.text, 'first'),
    frame(OPCODE.text, 'in drops'),
    frame(OPCODE.text, 'last'),
  ])
  const first = frame(OPCODE.text, 'first').length
  const drops = [...bytes.subarray(first)].map(byte => Buffer.from([byte]))
  const { heard, quick } = await hear([bytes.subarray(0, first), ...drops], true)
  t.strictSame(heard.slice(0, -1), ['text first', 'text in drops', 'text last'])
  t.equal(quick, 1)
})

t.test('a ping that is too long is answered as soon as two bytes of it say so', async t => {
  const bytes = frame(OPCODE.ping, 'p'.repeat(126))
  const pieces = [bytes.subarray(0, 2), bytes.subarray(2)]
  const [alone, together] = [await hear(pieces, false), await hear(pieces, true)]
  t.strictSame(together.heard, alone.heard)
  t.match(together.heard, ['error WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH'])
  t.strictSame(together.answered, alone.answered)
})

t.test('what a pong repeats is its own, also where it has to wait', async t => {
  const listener = createServer({ allowHalfOpen: true }).listen(join(new Site(t).folder, 'pong.sock'))
  await once(listener, 'listening')
  t.teardown(() => listener.close())
  const [here, there] = lean(await kernelEnds(listener))
  there.pause()
  const ws = await new Promise<WebSocket>(resolve =>
    server.handleUpgrade(request, here, Buffer.alloc(0), resolve),
  )
  readPlainFrames(ws, here, MAX_BYTES, () => undefined)
  // More than the kernel takes, so that the pong stands behind it.
  here.write(Buffer.alloc(2_000_000))
  const pinged = once(ws, 'ping')
  there.write(frame(OPCODE.ping, 'the very payload'))
  await pinged
  await new Promise(resolve => setTimeout(resolve, 5))
  const received: Buffer[] = []
  there.on('data', bytes => received.push(bytes))
  there.resume()
  await once(here, 'drain')
  there.end()
  await once(there, 'close')
  t.ok(Buffer.concat(received).includes('the very payload'))
})
