import type { AcquireOutcome } from '../../src/client/entries.ts'
import type { Session } from '../../src/client/session.ts'
import type { Rig } from './rig.ts'

/** Asks for a session and lets the frames travel. */
export async function acquire(rig: Rig, key: string): Promise<AcquireOutcome> {
  const outcome = rig.core.acquire(key, undefined, undefined, rig.now)
  rig.exchange()
  return outcome
}

/** As `acquire`, where a refusal would be a mistake of the test. */
export async function hold(rig: Rig, key: string): Promise<Session> {
  const outcome = await acquire(rig, key)
  if (!outcome.granted) throw new Error(`refused: ${outcome.reason}`)
  return outcome.session
}

/** What became of a promise by now. */
export async function stateOf<T>(promise: Promise<T>): Promise<T | 'pending'> {
  return Promise.race([promise, new Promise<'pending'>(resolve => setImmediate(resolve, 'pending'))])
}
