import type { SessionCounter } from '../../src/session/counter.ts'
import { formatToken } from '../../src/session/token.ts'

/** A session that the counter holds. */
export interface Seen {
  readonly key: string
  readonly application: string
}

/** All that the counter holds, by token, as it would tell a journal that is written anew. */
export function heldBy(counter: SessionCounter): Map<string, Seen> {
  const held = new Map<string, Seen>()
  counter.writeAll({
    removeClient: () => undefined,
    putClient: () => undefined,
    removeSession: () => undefined,
    putSession: (slot, _client, application, key, nonceHigh, nonceLow) => {
      held.set(formatToken(slot, nonceHigh, nonceLow), { key, application })
    },
  })
  return held
}
