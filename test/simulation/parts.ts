import { Turn, type TurnOptions } from '../../src/daemon/gateway/turn.ts'
import { Journal, type JournalOptions } from '../../src/daemon/journal/journal.ts'
import { LicenseStore, type LicenseStoreOptions } from '../../src/daemon/license/license-store.ts'
import { restoreSessions } from '../../src/daemon/restore-sessions.ts'
import { sessionPolicyOf } from '../../src/daemon/session-policy.ts'
import { type CounterOptions, SessionCounter } from '../../src/session/counter.ts'
import { trust } from './licenses.ts'

/** What the simulated daemon is made of. A planted bug puts something else in the place of one of them. */
export interface Parts {
  counter(options: CounterOptions): SessionCounter
  journal(options: JournalOptions): Journal
  store(options: LicenseStoreOptions): LicenseStore
  turn(options: TurnOptions): Turn
  restore: typeof restoreSessions
  policyOf: typeof sessionPolicyOf
}

export const realParts: Parts = {
  counter: options => new SessionCounter(options),
  journal: options => new Journal(options),
  store: options => new LicenseStore(options, trust),
  turn: options => new Turn(options),
  restore: restoreSessions,
  policyOf: sessionPolicyOf,
}
