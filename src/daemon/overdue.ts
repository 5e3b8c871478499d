import type { ProcessIdentity } from '../session/client-table.ts'
import type { SessionCounter } from '../session/counter.ts'
import type { EndedSession } from '../session/policy.ts'

/** Dead processes looked for in one go: each look is a read of /proc. */
const MAX_PROCESSES_LOOKED_AT = 200

/**
 * Ends what nobody resumed in time, what dead processes left behind and what is too old. Gives the latter, and
 * how many of the first there were. Call it several times a second.
 */
export function endOverdue(
  counter: SessionCounter,
  now: number,
  watchProcess: (process: ProcessIdentity) => 'lives' | 'dead' | 'unknown',
): { ended: EndedSession[]; leaked: number } {
  const leakedBefore = counter.totals.ended['orphan-timeout']
  const ended = counter.expire(now)
  for (const process of counter.orphanedProcesses().slice(0, MAX_PROCESSES_LOOKED_AT)) {
    if (watchProcess(process) === 'dead') counter.releaseDead(process)
  }
  return { ended, leaked: counter.totals.ended['orphan-timeout'] - leakedBefore }
}
