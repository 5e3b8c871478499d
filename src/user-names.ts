import { readFileSync } from 'node:fs'

/** The name of a group, or its number where no file names it. */
export function groupName(gid: number): string {
  return nameIn('/etc/group', gid) ?? String(gid)
}

/** The name of a user, or its number where no file names it. */
export function userName(uid: number): string {
  return nameIn('/etc/passwd', uid) ?? String(uid)
}

/** The third field of both files is the number. */
function nameIn(file: string, id: number): string | null {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    // A machine that keeps its users elsewhere shows numbers.
    return null
  }
  const entry = text.split('\n').find(line => line.split(':')[2] === String(id))
  return entry?.split(':')[0] ?? null
}
