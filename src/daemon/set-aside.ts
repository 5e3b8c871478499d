import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** Of one file, the newest; a file that is damaged at every start must not fill the disk. */
const MAX_KEPT = 3

/** What SQLite keeps beside a database. */
const COMPANIONS = ['-wal', '-shm']

/**
 * Moves a database that cannot be used out of the way, for somebody to look at, and gives its new name. Only
 * the newest three of a database are kept.
 */
export function setFileAside(path: string, now: number): string {
  const stamp = new Date(now).toISOString().replaceAll(':', '')
  const aside = `${path}.set-aside-${stamp}`
  for (const suffix of ['', ...COMPANIONS]) {
    if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix)
  }
  removeOldest(path)
  return aside
}

/** The stamps sort by their time. */
function removeOldest(path: string): void {
  const prefix = `${basename(path)}.set-aside-`
  const names = readdirSync(dirname(path)).filter(name => name.startsWith(prefix))
  const kept = new Set(names.map(stampOf).sort().slice(-MAX_KEPT))
  for (const name of names) if (!kept.has(stampOf(name))) rmSync(join(dirname(path), name))

  function stampOf(name: string): string {
    return name.slice(prefix.length).replace(/-(wal|shm)$/, '')
  }
}
