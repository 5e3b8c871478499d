import { type Stats, statSync } from 'node:fs'
import { connect } from 'node:net'
import { userInfo } from 'node:os'
import { dirname } from 'node:path'
import { Fault, messageOf } from '../../errors.ts'
import { groupName, userName } from '../user-names.ts'

const CONNECT_TIMEOUT_MS = 5000

/**
 * Knocks at the daemon's socket, to tell apart why nobody answers: a client library only knows that it
 * must try again.
 *
 * @throws {Fault} `daemon-not-running`, `daemon-not-permitted`, `daemon-unreachable`
 */
export async function knock(socket: string): Promise<void> {
  const error = await new Promise<NodeJS.ErrnoException | null>(resolve => {
    const connection = connect(socket)
    connection.setTimeout(CONNECT_TIMEOUT_MS, () => connection.destroy(new Error('it does not answer')))
    connection.once('connect', () => {
      connection.destroy()
      resolve(null)
    })
    connection.once('error', resolve)
  })
  if (error !== null) throw knockFault(socket, error)
}

function knockFault(socket: string, error: NodeJS.ErrnoException): Fault {
  if (error.code === 'ENOENT') {
    return new Fault('daemon-not-running', `sessiond is not running: there is no socket ${socket}.`, {
      hint: 'Start it with: systemctl start sessiond, or the demonstration with: npm start. Or name its socket: --socket PATH',
      cause: error,
    })
  }
  if (error.code === 'ECONNREFUSED') {
    return new Fault('daemon-not-running', `sessiond is not running: nobody listens on ${socket}.`, {
      hint: 'Start it with: systemctl start sessiond, or the demonstration with: npm start. Its log says why it ended.',
      cause: error,
    })
  }
  if (error.code === 'EACCES' || error.code === 'EPERM') {
    const user = userInfo().username
    return new Fault('daemon-not-permitted', `The user ${user} may not connect to ${socket}.`, {
      hint: howToGetIn(socket, user),
      cause: error,
    })
  }
  return new Fault('daemon-unreachable', `sessiond cannot be reached on ${socket}: ${messageOf(error)}.`, {
    hint: 'Is it the right socket? Name another with --socket PATH.',
    cause: error,
  })
}

/** Names the group that is let in, with the command that joins it; root alone where no group is. */
function howToGetIn(socket: string, user: string): string {
  const [path, stats] = firstSeen([socket, dirname(socket)])
  if (stats === null) return `See who may with: sudo ls -l ${socket}. Or use sudo.`
  // To connect is to write to a socket, and to pass through the folder above it.
  const isOpenToGroup = (stats.mode & (path === socket ? 0o020 : 0o010)) !== 0
  if (!isOpenToGroup || stats.gid === 0) {
    return `Only the user ${userName(stats.uid)} and root may (${path}). Use sudo.`
  }
  const group = groupName(stats.gid)
  return `The group ${group} may (${path}). Use sudo, or join it and log in again: sudo usermod -aG ${group} ${user}`
}

function firstSeen(paths: string[]): [path: string, stats: Stats | null] {
  for (const path of paths) {
    try {
      return [path, statSync(path)]
    } catch {
      // The folder above may be closed too; then the next one above says who may look in.
    }
  }
  return ['', null]
}
