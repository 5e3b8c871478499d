import type { End, Wire } from './wire.ts'

/** A process that speaks the protocol by hand, and shows tokens that it should not have. */
export class Stranger implements End {
  receive(): void {
    // What he is told does not matter: the checker sees what it does.
  }

  hungUp(): void {
    // He does not come back.
  }

  intrude(wire: Wire, act: 'replay' | 'forge', ended: string | undefined, held: string | undefined): void {
    const frames: object[] = [{ method: 'hello', params: {} }]
    if (act === 'replay' && ended !== undefined) {
      frames.push({ method: 'session.release', params: { token: ended } })
      frames.push({ method: 'session.resume', params: { tokens: [ended] } })
    }
    if (act === 'forge') frames.push(...forged(held ?? ended))
    for (const [index, frame] of frames.entries()) {
      wire.toDaemon(JSON.stringify({ jsonrpc: '2.0', id: index + 1, ...frame }))
    }
    wire.clientLeaves()
  }
}

/** Right slot and wrong nonce, and a signature that nobody made. */
function forged(token: string | undefined): object[] {
  if (token === undefined) return []
  const [slot = '0'] = token.split('.')
  const nonce = 'A'.repeat(16)
  const payload = Buffer.from(['run-1', 0, 'default', 'forged', 1].join('\n')).toString('base64url')
  const signed = `${slot}.${nonce}.${payload}.${'B'.repeat(22)}`
  return [
    { method: 'session.release', params: { token: `${slot}.${nonce}` } },
    { method: 'session.resume', params: { tokens: [signed, `${slot}.${nonce}`] } },
  ]
}
