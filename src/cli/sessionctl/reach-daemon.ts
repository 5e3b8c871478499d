import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { Fault, messageOf } from '../../errors.ts'
import { howToGetIn, thisUser } from '../../who-may.ts'

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
      hint: `${howToStart()}. Or name its socket: --socket PATH`,
      cause: error,
    })
  }
  if (error.code === 'ECONNREFUSED') {
    return new Fault('daemon-not-running', `sessiond is not running: nobody listens on ${socket}.`, {
      hint: `${howToStart()}. Its log says why it ended.`,
      cause: error,
    })
  }
  if (error.code === 'EACCES' || error.code === 'EPERM') {
    return new Fault('daemon-not-permitted', `The user ${thisUser()} may not connect to ${socket}.`, {
      hint: howToGetIn(socket, 'write'),
      cause: error,
    })
  }
  return new Fault('daemon-unreachable', `sessiond cannot be reached on ${socket}: ${messageOf(error)}.`, {
    hint: 'Is it the right socket? Name another with --socket PATH.',
    cause: error,
  })
}

/** A machine that runs systemd has the unit; elsewhere it is mostly the demonstration that is looked for. */
function howToStart(): string {
  if (existsSync('/run/systemd/system')) {
    return 'Start it with: sudo systemctl start sessiond; why it ended: journalctl -u sessiond -n 50'
  }
  return 'Start it with: systemctl start sessiond, or the demonstration with: npm start'
}
