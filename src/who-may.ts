import { type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { Fault } from './errors.ts'
import { groupName, userName } from './user-names.ts'

/** What somebody wants to do with a file. To connect to a socket is to write to it. */
export type Right = 'read' | 'write'

const GROUP_BITS: Record<Right | 'pass', number> = { read: 0o040, write: 0o020, pass: 0o010 }

/**
 * Whether there is such a file. `existsSync` says no also where this user may not look, and sends people after a file
 * that is there. `wanted` is what they are told that they may not.
 *
 * @throws {Fault} `not-permitted`
 */
export function isThere(path: string, wanted: Right = 'read'): boolean {
  try {
    statSync(path)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return false
    if (code === 'EACCES') throw notPermitted(path, wanted, error)
    throw error
  }
}

/** The fault of a user who may not, with the way in. */
export function notPermitted(path: string, right: Right, cause: unknown): Fault {
  return new Fault('not-permitted', `The user ${thisUser()} may not ${right} ${path}.`, {
    hint: howToGetIn(path, right),
    cause,
  })
}

/** Names the group that is let in, with the command that joins it; root alone where no group is. */
export function howToGetIn(path: string, right: Right): string {
  const [seen, stats] = nearestSeen(path)
  if (stats === null) return `See who may with: sudo ls -l ${path}. Or use sudo.`
  // Of a folder above the file it matters who may pass through.
  const isOpenToGroup = (stats.mode & GROUP_BITS[seen === path ? right : 'pass']) !== 0
  if (isOpenToGroup && stats.gid !== 0) {
    const group = groupName(stats.gid)
    return `The group ${group} may (${seen}). Use sudo, or join it and log in again: sudo usermod -aG ${group} ${thisUser()}`
  }
  const users = stats.uid === 0 ? 'root' : `the user ${userName(stats.uid)} and root`
  return `Only ${users} may (${seen}). Use sudo.`
}

export function thisUser(): string {
  return userName(process.geteuid?.() ?? 0)
}

/** The file, or the nearest folder above it that can be looked at: that is the one which is closed. */
function nearestSeen(path: string): [path: string, stats: Stats | null] {
  for (let place = path; ; place = dirname(place)) {
    try {
      return [place, statSync(place)]
    } catch {
      // The folder above may be closed too; then the next one above says who may look in.
      if (place === dirname(place)) return ['', null]
    }
  }
}
