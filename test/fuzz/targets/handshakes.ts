import { once } from 'node:events'
import { connect } from 'node:net'
import { handshakeText } from '../../support/raw-client.ts'
import { mutateBytes } from '../mutate-bytes.ts'
import type { Random } from '../random.ts'
import { ensure, type Target } from '../target.ts'
import { UnderFire } from './under-fire.ts'

/**
 * Statuses that docs/PROTOCOL.md names, 426 for what asks for no WebSocket, 100 where `Expect` asks for that, and 417
 * where it asks for anything else. None: what came was cut off.
 */
const statuses = new Set([
  '100',
  '101',
  '400',
  '401',
  '403',
  '404',
  '405',
  '408',
  '417',
  '426',
  '431',
  '503',
  'none',
])
const lines = ['Origin: http://evil.example', 'Host: x', 'Content-Length: 5', 'Transfer-Encoding: chunked']
  .concat(['Sec-WebSocket-Version: 99', 'Sec-WebSocket-Key: x', 'Connection: close', 'Expect: 100-continue'])
  .concat(['Sec-WebSocket-Extensions: permessage-deflate', `X: ${'x'.repeat(9000)}`, ' folded', 'no colon'])
  .concat(['Upgrade: h2c', 'Authorization: Bearer wrong', 'Sec-WebSocket-Protocol: sessiond.v1, sessiond.v1'])

/** HTTP upgrade requests. */
export const handshakes: Target = {
  name: 'handshakes',
  kind: 'documents',
  async open(t) {
    const daemon = await UnderFire.start(t)
    return {
      make,
      async judge(input) {
        const status = await knock(daemon, input)
        ensure(statuses.has(status), `The status ${status} is not documented.`)
        await daemon.checkPeace()
        return status
      },
    }
  },
}

function make(random: Random): Buffer {
  const key = random.bytes(16).toString('base64')
  const text = handshakeText({ headers: { 'Sec-WebSocket-Key': key } })
  const head = text.split('\r\n')
  if (random.chance(60)) head.splice(random.between(1, 6), random.below(2), random.pick(lines))
  if (random.chance(20))
    head[0] = random.pick([
      'GET /x HTTP/1.1',
      'POST / HTTP/1.1',
      'GET / HTTP/1.0',
      'PRI * HTTP/2.0',
      'CONNECT a:1 HTTP/1.1',
      'GET http://a/ HTTP/1.1',
      '',
    ])
  const bytes = Buffer.from(head.join('\r\n'))
  return random.chance(50) ? mutateBytes(bytes, random) : bytes
}

/** The status of the answer, once the connection ended on both sides. */
async function knock(daemon: UnderFire, input: Buffer): Promise<string> {
  const socket = connect(daemon.endpoint)
  const chunks: Buffer[] = []
  socket.on('data', chunk => chunks.push(chunk)).on('error', () => undefined)
  const closed = once(socket, 'close')
  socket.write(input)
  // What is no whole head would be waited for; who hangs up shortens that.
  await daemon.pause()
  socket.end()
  await daemon.pause()
  if (Buffer.concat(chunks).subarray(9, 12).toString() === '101') socket.destroy()
  await closed
  return Buffer.concat(chunks).subarray(9, 12).toString() || 'none'
}
