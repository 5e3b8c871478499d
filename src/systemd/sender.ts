import { execFile } from 'node:child_process'

/** Carries messages to systemd, in their order. */
export interface Sender {
  /** False where each message costs a process: then only those are worth it that systemd waits for. */
  readonly isCheap: boolean
  /** Rejects where the message could not be handed over. */
  send(message: string): Promise<void>
  close(): void
}

/** A child that does not come to an end must not hold up the stop for ever. */
const SPAWN_TIMEOUT_MS = 5000

/**
 * Opens the way to the socket at `address`. A datagram to a Unix socket is what Node.js itself cannot send; a
 * prebuilt library can. Where there is none for this machine, or the address is one that it cannot reach,
 * `systemd-notify` is run for each message.
 */
export async function openSender(address: string): Promise<Sender> {
  if (address.startsWith('@')) return spawningSender(address)
  try {
    return await datagramSender(address)
  } catch {
    return spawningSender(address)
  }
}

export async function datagramSender(address: string): Promise<Sender> {
  const { DgramSocket } = await import('node-unix-socket')
  const socket = new DgramSocket()
  let hasFailed = false
  // Nobody sends to us; where the socket breaks all the same, the next message says so.
  socket.on('error', () => {
    hasFailed = true
  })
  return {
    isCheap: true,
    send: message =>
      new Promise((resolve, reject) => {
        if (hasFailed) throw new Error('The socket to systemd broke.')
        const bytes = Buffer.from(message)
        socket.sendTo(bytes, 0, bytes.length, address, error => {
          if (error === undefined) resolve()
          else reject(error)
        })
      }),
    close: () => socket.close(),
  }
}

/** One process for each message. The unit must have `NotifyAccess=all`, since it is not the daemon that speaks. */
export function spawningSender(address: string, program = 'systemd-notify'): Sender {
  let last: Promise<void> = Promise.resolve()
  const run = (message: string) =>
    new Promise<void>((resolve, reject) => {
      const env = { ...process.env, NOTIFY_SOCKET: address }
      execFile(program, message.split('\n'), { env, timeout: SPAWN_TIMEOUT_MS }, error => {
        if (error === null) resolve()
        else reject(error)
      })
    })
  return {
    isCheap: false,
    send: message => {
      last = last.catch(() => undefined).then(() => run(message))
      return last
    },
    close: () => undefined,
  }
}
