import { readdirSync, readFileSync } from 'node:fs'

const TICKS_PER_SECOND = 100

/** Fields of /proc/PID/stat from the third on; null where the process is gone. */
function statOf(pid: number): string[] | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return null
    throw error
  }
}

/** Seconds of processor time, user and system, that processes have taken up to now. */
export function cpuSeconds(pids: readonly number[]): number {
  const ticks = pids.map(pid => {
    const fields = statOf(pid)
    return Number(fields?.[11] ?? 0) + Number(fields?.[12] ?? 0)
  })
  return ticks.reduce((sum, ticks) => sum + ticks, 0) / TICKS_PER_SECOND
}

/** The same of a process with its children, those that have ended and were waited for included. */
export function cpuSecondsOfFamily(parent: number): number {
  const children = readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .filter(pid => statOf(pid)?.[1] === String(parent))
  const fields = statOf(parent)
  const ended = (Number(fields?.[13] ?? 0) + Number(fields?.[14] ?? 0)) / TICKS_PER_SECOND
  return cpuSeconds([parent, ...children]) + ended
}
