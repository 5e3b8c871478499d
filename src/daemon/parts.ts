import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { AuditRecorder } from './audit/recorder.ts'
import { type Clocks, readBootId } from './clocks.ts'
import type { Config } from './config/schema.ts'
import { openDaemonState, openJournal } from './databases.ts'
import type { Journal } from './journal/journal.ts'
import { LicenseKeeper } from './license/license-keeper.ts'
import type { GivenSockets } from './listen.ts'
import type { Logger } from './log.ts'
import { readIdentity } from './machine/identity.ts'
import { Reactivator } from './reactivation/reactivator.ts'
import { noteStanding } from './restore-sessions.ts'
import type { StateStore } from './state-store.ts'

export interface Start {
  readonly config: Config
  readonly log: Logger
  readonly version: string
  readonly clocks: Clocks
  readonly given: GivenSockets
}

/** What must be open before there is a daemon. */
export interface Parts extends Start {
  readonly run: { readonly bootId: string; readonly instanceId: string }
  readonly journal: Journal
  readonly state: StateStore
  readonly audit: AuditRecorder
  readonly keeper: LicenseKeeper
  readonly reactivator: Reactivator
}

/** Opens journal, state and license. Faults: what of the first two cannot be used; never the license. */
export async function openParts(start: Start): Promise<Parts> {
  const { config, log, clocks } = start
  mkdirSync(config.stateDirectory, { recursive: true, mode: 0o700 })
  mkdirSync(config.runtimeDirectory, { recursive: true, mode: 0o750 })
  const run = { bootId: readBootId(), instanceId: randomBytes(8).toString('hex') }
  const audit = new AuditRecorder(clocks.wallNow, log)
  let state: StateStore | null = null
  const onHealth = (what: 'journal.degraded' | 'journal.healed', why: string | null) => {
    if (state !== null) noteStanding(state, what === 'journal.degraded')
    audit.record({ what, detail: why === null ? null : { why } })
  }
  // The journal first: whoever holds its lock is the daemon of this machine.
  const journal = openJournal(config.runtimeDirectory, run, log, onHealth)
  try {
    state = openDaemonState(config.stateDirectory, log)
    audit.attach(state)
    const base = { config, archive: state, clocks, log }
    const onRejected = ({ code, message }: { readonly code: string; readonly message: string }) =>
      audit.record({ what: 'license.rejected', detail: { code, message } })
    const keeper = await LicenseKeeper.open({ ...base, onRejected })
    const identify = () => readIdentity(config)
    const reactivator = new Reactivator({ ...base, installation: keeper, identify })
    return { ...start, run, journal, state, audit, keeper, reactivator }
  } catch (error) {
    journal.close()
    state?.close()
    throw error
  }
}
