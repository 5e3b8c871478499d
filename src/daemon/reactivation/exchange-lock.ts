import Database from 'better-sqlite3'
import { Fault, messageOf } from '../../errors.ts'
import { makeOwnFile } from '../../write-file.ts'

/** The file in the state directory. Its lock is all that matters of it. */
export const exchangeLockFile = 'exchange.lock'

/**
 * Keeps the daemon and `sessionctl` from talking to the licensing server at once: two requests made from one
 * license, of which neither can know the other, would look like two copies of the machine. The lock is one of
 * SQLite's, so it ends with the process that holds it. Returns how to let go of it, or null where another one
 * holds it. A Fault `state-not-usable` where the file cannot be used.
 */
export function lockExchange(path: string): (() => void) | null {
  const db = open(path)
  try {
    db.exec('BEGIN EXCLUSIVE')
    return () => db.close()
  } catch (error) {
    db.close()
    if ((error as { code?: unknown }).code === 'SQLITE_BUSY') return null
    throw notUsable(path, error)
  }
}

function open(path: string): Database.Database {
  try {
    makeOwnFile(path)
    return new Database(path, { timeout: 0 })
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
