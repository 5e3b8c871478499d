import { readFileSync } from 'node:fs'

/** Which process this is, so that the daemon can see when it is dead, even where its pid is used again. */
export interface OwnProcess {
  readonly pid: number
  /** Field 22 of /proc/PID/stat: clock ticks between the boot of the machine and the start of the process. */
  readonly startTime: number
}

/** Undefined where there is no /proc; then the daemon frees sessions of a dead process after its window. */
export function readOwnProcess(statPath = '/proc/self/stat'): OwnProcess | undefined {
  let stat: string
  try {
    stat = readFileSync(statPath, 'utf8')
  } catch {
    return undefined
  }
  const startTime = startTimeOf(stat)
  return startTime === undefined ? undefined : { pid: process.pid, startTime }
}

/**
 * Field 22 of a line of /proc/PID/stat, see proc_pid_stat(5). The second field is the name of the command in
 * parentheses. It may hold spaces and parentheses itself, so fields are counted from the last one.
 */
export function startTimeOf(stat: string): number | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const startTime = Number(fields[22 - 3])
  return fields.length >= 20 && Number.isSafeInteger(startTime) ? startTime : undefined
}
