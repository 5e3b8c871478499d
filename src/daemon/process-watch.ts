import { readFileSync } from 'node:fs'
import type { ProcessIdentity } from '../session/client-table.ts'

/**
 * Whether that very process can be seen and lives. A later process with the same pid has another start time;
 * a zombie holds no call any more.
 */
export function processLives(process: ProcessIdentity): boolean {
  const found = readProcess(process.pid)
  return found !== null && found.startTime === process.startTime && found.state !== 'Z' && found.state !== 'X'
}

/** State and start time (fields 3 and 22 of proc_pid_stat(5)); null where there is no such process to be seen. */
function readProcess(pid: number): { state: string; startTime: number } | null {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return null
  }
  // The command's name stands in parentheses and may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { state: fields[0] ?? '', startTime: Number(fields[19]) }
}
