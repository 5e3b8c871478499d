import { RawClient } from '../../support/raw-client.ts'
import { encodeClose, encodeFrame, OPCODE } from '../../support/raw-websocket.ts'
import type { UnderFire } from './under-fire.ts'

const last = '{"jsonrpc":"2.0","id":"the-last","method":"license.get"}'

/**
 * Sends bytes on a connection of their own, and holds all that comes until it ends against the protocol. `aligned`:
 * they are whole frames, so that what is asked after them is answered or the connection was closed; of other
 * streams nobody can say whether they are over.
 */
export async function fire(
  daemon: UnderFire,
  bytes: Buffer,
  aligned: boolean,
): Promise<{ outcomes: string[]; closed: string }> {
  const client = await RawClient.open(daemon.endpoint)
  client.sendBytes(bytes, encodeFrame(OPCODE.text, last))
  const outcomes: string[] = []
  const giveUp = aligned ? null : daemon.pause().then(() => client.socket.end(encodeClose(1000)))
  for (let frame = await client.nextFrame(); frame !== null; frame = await client.nextFrame()) {
    outcomes.push(...daemon.check(frame))
    // Nothing is answered any more once a close frame came, so it must not come before.
    if (aligned && frame.payload.includes('"the-last"')) client.sendBytes(encodeClose(1000))
  }
  await giveUp
  const { code } = await client.closed
  return { outcomes, closed: daemon.checkClose(code, !aligned) }
}
