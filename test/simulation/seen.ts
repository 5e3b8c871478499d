import type { SessionCounter } from '../../src/session/counter.ts'
import type { RecordSink } from '../../src/session/records.ts'
import { formatToken } from '../../src/session/token.ts'

/** A session that the counter holds. */
export interface Seen {
  readonly key: string
  readonly application: string
}

/** All that the counter holds, by token, as it would tell a journal that is written anew. */
export function heldBy(counter: SessionCounter): Map<string, Seen> {
  const held = new Map<string, Seen>()
  const sink: RecordSink = {
    removeClient: () => undefined,
    putClient: () => undefined,
    removeSession: () => undefined,
    putSession: (slot, _client, application, key, nonceHigh, nonceLow) => {
      held.set(formatToken(slot, nonceHigh, nonceLow), { key, application })
    },
  }
  counter.writeHeld(sink, 0, Number.POSITIVE_INFINITY)
  return held
}
