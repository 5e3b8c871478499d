import { readFileSync } from 'node:fs'
import type { ProcessIdentity } from '../session/client-table.ts'

/**
 * What can be said of that very process: that it `lives`, that it is `dead`, or nothing (`unknown`). A later
 * process with the same pid has another start time; a zombie holds no call any more.
 */
export function watchProcess(process: ProcessIdentity): 'lives' | 'dead' | 'unknown' {
  let stat: string
  try {
    stat = readFileSync(`/proc/${process.pid}/stat`, 'latin1')
  } catch (error) {
    // Only this proves anything: with no file descriptor left, for one, nobody could be seen.
    const { code } = error as NodeJS.ErrnoException
    return code === 'ENOENT' || code === 'ESRCH' ? 'dead' : 'unknown'
  }
  // Fields 3 and 22 of proc_pid_stat(5). The command's name before them stands in parentheses and may itself
  // hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const isGone = fields[0] === 'Z' || fields[0] === 'X'
  return Number(fields[19]) === process.startTime && !isGone ? 'lives' : 'dead'
}
