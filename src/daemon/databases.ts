import { join } from 'node:path'
import type { Fault } from '../errors.ts'
import type { AuditActor } from './audit/event.ts'
import { Journal } from './journal/journal.ts'
import type { Logger } from './log.ts'
import { StateStore } from './state-store.ts'

/** Opens the journal in the runtime directory; the operator hears in the log what becomes of it. */
export function openJournal(
  directory: string,
  run: { readonly bootId: string; readonly instanceId: string },
  log: Logger,
  onHealth: (event: 'journal.degraded' | 'journal.healed', why: string | null) => void = () => undefined,
): Journal {
  return new Journal({
    path: join(directory, 'sessions.journal'),
    ...run,
    wallNow: Date.now,
    events: {
      setAside: (movedTo, why) =>
        log.error(
          { movedTo, why },
          'The journal was unusable and was set aside; what could be read of it is kept.',
        ),
      degraded: why => {
        const hint = `Look at the space, owner and mode of ${directory}; it heals by itself.`
        log.error({ why, hint }, 'The journal cannot be written: sessions are counted in memory only.')
        onHealth('journal.degraded', why)
      },
      healed: () => {
        log.info('The journal is written again.')
        onHealth('journal.healed', null)
      },
      notCompacted: why =>
        log.warn({ why }, `The journal in ${directory} could not be made shorter; it is written, and grows.`),
    },
  })
}

/** Opens the state database in the state directory. `actor`: who changes it, for the audit trail. */
export function openState(directory: string, log: Logger, actor?: AuditActor): StateStore {
  return new StateStore(stateFileOf(directory), Date.now(), tellSetAside(log), actor)
}

/** Opens the state database for the daemon, which starts also where its last state can be read but not written. */
export function openDaemonState(directory: string, log: Logger): StateStore {
  const onDegraded = ({ message, hint }: Fault) =>
    log.error({ hint }, `${message} What it held last rules on; it is written when it can be.`)
  return new StateStore(stateFileOf(directory), Date.now(), tellSetAside(log), undefined, onDegraded)
}

function tellSetAside(log: Logger) {
  return (movedTo: string, why: string) =>
    log.error({ movedTo, why }, 'The state database was damaged and was set aside; a new one is begun.')
}

/** The file of the state database in the state directory. */
export function stateFileOf(directory: string): string {
  return join(directory, 'state.db')
}

/** The file of the usage history, beside it. */
export function historyFileOf(directory: string): string {
  return join(directory, 'history.db')
}
