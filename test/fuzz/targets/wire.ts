import { encodeFrame, OPCODE } from '../../support/raw-websocket.ts'
import { mutateBytes } from '../mutate-bytes.ts'
import type { Random } from '../random.ts'
import type { Target } from '../target.ts'
import { fire } from './exchange.ts'
import { UnderFire } from './under-fire.ts'

/** Bytes below WebSocket messages: headers, masks, lengths, fragments, control frames. */
export const wire: Target = {
  name: 'wire',
  kind: 'frames',
  async open(t) {
    const daemon = await UnderFire.start(t)
    return {
      make,
      // How many frames a broken stream has is for nobody to say; it was made of as many.
      count: input => input[0] ?? 0,
      async judge(input) {
        const { closed } = await fire(daemon, input.subarray(1), false)
        await daemon.checkPeace()
        return closed
      },
    }
  },
}

function make(random: Random): Buffer {
  const frames = Array.from({ length: random.between(1, 24) }, () => makeFrame(random))
  const at = random.below(frames.length)
  if (random.chance(70)) frames[at] = mutateBytes(frames[at]!, random, 2)
  if (random.chance(50)) frames.push(close(random, random.pick([1000, 1001, 3000, 4999])))
  return Buffer.concat([Buffer.from([frames.length]), ...frames])
}

function acquire(random: Random): string {
  const params = { key: `wire-${random.below(100)}` }
  return JSON.stringify({ jsonrpc: '2.0', id: random.below(1000), method: 'session.acquire', params })
}

function close(random: Random, code: number): Buffer {
  const payload = Buffer.alloc(2)
  payload.writeUInt16BE(code)
  return encodeFrame(OPCODE.close, payload, true, random.bytes(4))
}

function makeFrame(random: Random): Buffer {
  const text = acquire(random)
  const frame = (opcode: number, payload: Buffer | string, final = true) =>
    encodeFrame(opcode, payload, final, random.bytes(4))
  switch (random.below(16)) {
    case 0:
      return frame(random.below(16), random.bytes(random.below(130)), random.chance(80))
    case 1:
      return frame(OPCODE.ping, random.bytes(random.below(128)))
    case 2:
      return frame(OPCODE.pong, random.bytes(random.below(128)))
    case 3:
      return frame(OPCODE.text, ' '.repeat(random.pick([16_384, 16_385, 65_536, 65_537, 70_000])))
    case 4:
      return Buffer.concat([Buffer.from([0x81, 0xff]), random.bytes(8), random.bytes(12)])
    case 5:
      return Buffer.concat([Buffer.from([0x81, text.length & 0x7f]), Buffer.from(text)])
    case 6:
      return close(random, random.pick([0, 999, 1000, 1004, 1005, 1006, 1015, 2999, 5000, 65_535]))
    case 7: {
      const cut = random.below(text.length)
      const pieces = [frame(OPCODE.text, text.slice(0, cut), false)]
      if (random.chance(50)) pieces.push(frame(OPCODE.ping, 'between'))
      pieces.push(frame(random.chance(90) ? OPCODE.continuation : OPCODE.text, text.slice(cut)))
      return Buffer.concat(pieces)
    }
    default:
      return frame(OPCODE.text, text)
  }
}
