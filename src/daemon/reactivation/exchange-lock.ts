import { Fault, messageOf } from '../../errors.ts'
import { makeOwnFile } from '../../write-file.ts'
import { lockFile } from '../lock-file.ts'

/** The file in the state directory. Its lock is all that matters of it. */
export const exchangeLockFile = 'exchange.lock'

/**
 * Keeps the daemon and `sessionctl` from talking to the licensing server at once: two requests made from one
 * license, of which neither can know the other, would look like two copies of the machine. Returns how to let go of it, or null where another one
 * holds it. A Fault `state-not-usable` where the file cannot be used.
 */
export function lockExchange(path: string): (() => void) | null {
  try {
    makeOwnFile(path)
    return lockFile(path)
  } catch (error) {
    throw notUsable(path, error)
  }
}

function notUsable(path: string, cause: unknown): Fault {
  return new Fault('state-not-usable', `The lock ${path} cannot be used: ${messageOf(cause)}`, {
    hint: 'Look at the owner, mode and free space of stateDirectory.',
    cause,
  })
}
