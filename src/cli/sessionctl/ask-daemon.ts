import { SessionClient } from '../../client/index.ts'
import { knock } from './reach-daemon.ts'

/**
 * A person waits: longer than a daemon takes that systemd starts for this very question on a machine with much to do,
 * and than systemd needs to end one that hangs (WatchdogSec= is 10 s).
 */
const ANSWER_WITHIN_MS = 20_000

/**
 * Connects to the daemon, asks, and leaves.
 *
 * @throws {Fault} `daemon-not-running`, `daemon-not-permitted`, `daemon-unreachable`, and those of the client
 */
export async function askDaemon<T>(
  socketPath: string,
  ask: (client: SessionClient) => Promise<T>,
): Promise<T> {
  await knock(socketPath)
  const client = new SessionClient({
    socketPath,
    clientId: `sessionctl-${process.pid}`,
    acquireTimeoutMs: ANSWER_WITHIN_MS,
  })
  try {
    return await ask(client)
  } finally {
    await client.close()
  }
}
