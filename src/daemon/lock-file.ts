import { rmSync } from 'node:fs'
import Database from 'better-sqlite3'
import { makePrivateFile } from '../write-file.ts'

/**
 * Takes the lock of the file at `path`, which one process holds at a time; nothing else matters of that file. It is one
 * of SQLite's, so it ends with the process, however that ends. Gives how to let go of it, or null where another process
 * holds it; throws what SQLite throws where there can be no such file.
 */
export function lockFile(path: string): (() => void) | null {
  try {
    return lock(path)
  } catch (error) {
    if (codeOf(error) !== 'SQLITE_NOTADB') throw error
    // Somebody wrote into it. Nobody can hold it, then.
    rmSync(path)
    return lock(path)
  }
}

function lock(path: string): (() => void) | null {
  makePrivateFile(path)
  const db = new Database(path, { timeout: 0 })
  try {
    db.exec('BEGIN EXCLUSIVE')
    return () => db.close()
  } catch (error) {
    db.close()
    if (codeOf(error) === 'SQLITE_BUSY') return null
    throw error
  }
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown }).code
}
