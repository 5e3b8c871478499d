import type { AuditDraft } from '../../daemon/audit/event.ts'
import { thisProcess } from '../../daemon/audit/event.ts'
import type { Config } from '../../daemon/config/schema.ts'
import { openState, stateFileOf } from '../../daemon/databases.ts'
import type { StateStore } from '../../daemon/state-store.ts'
import { Fault } from '../../errors.ts'
import { isThere } from '../../who-may.ts'
import type { Terminal } from '../terminal.ts'
import { terminalLog } from './own-license.ts'

/**
 * Opens the state database for a command that looks at it, beside a daemon that may run.
 *
 * @throws {Fault} `state-not-found` where nothing was ever kept, `not-permitted`, and those of the state
 */
export function withState<T>(config: Config, terminal: Terminal, act: (state: StateStore) => T): T {
  const file = stateFileOf(config.stateDirectory)
  if (!isThere(file)) {
    throw new Fault('state-not-found', `There is no state in ${config.stateDirectory}.`, {
      hint: 'sessiond makes it at its first start. If it runs, name its configuration: --config FILE',
    })
  }
  const state = openState(
    config.stateDirectory,
    terminalLog(terminal),
    thisProcess('sessionctl', terminal.environment),
  )
  try {
    return act(state)
  } finally {
    state.close()
  }
}

/** Records what this command did. Where that is not possible it is told: what was done stands. */
export function recordOwn(config: Config, terminal: Terminal, event: AuditDraft): boolean {
  try {
    withState(config, terminal, state => state.record(event, Date.now()))
    return true
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    // Before the first start there is no trail yet, and nothing that it could be added to.
    if (error.code !== 'state-not-found')
      terminal.say(`warning: the audit trail was not written. ${error.message}`)
    return false
  }
}
