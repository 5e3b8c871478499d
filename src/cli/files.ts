import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { Fault, messageOf } from '../errors.ts'

/** Reads a file that an operator named. */
export function readOperatorFile(file: string): Uint8Array {
  try {
    return readFileSync(file)
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    const message = isMissing ? `There is no file ${file}.` : `${file} cannot be read: ${messageOf(error)}`
    throw new Fault(isMissing ? 'file-not-found' : 'file-not-readable', message, {
      hint: isMissing ? 'Look at its name.' : `Look at its owner and mode: ls -l ${file}`,
      cause: error,
    })
  }
}

export interface WriteOptions {
  mode: number
  /** Refuses to replace what is there already. */
  isNew?: boolean
}

/**
 * Writes a file whole or not at all: under another name in the same folder, synced, then renamed. Written by
 * root, it belongs to whom the folder belongs, so that the daemon, which is not root, can read it.
 *
 * @throws {Fault} `file-exists`, `file-not-writable`
 */
export function writeFileAtomically(file: string, content: string | Uint8Array, options: WriteOptions): void {
  if (options.isNew === true && statSync(file, { throwIfNoEntry: false }) !== undefined) {
    throw new Fault('file-exists', `${file} exists already and is not replaced.`, {
      hint: 'Name another place, or move it away.',
    })
  }
  const folder = dirname(file)
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`
  try {
    const descriptor = openSync(temporary, 'wx', options.mode)
    try {
      writeFileSync(descriptor, content)
      // The mode of `open` was narrowed by the umask.
      chmodSync(temporary, options.mode)
      if (process.getuid?.() === 0) {
        const { uid, gid } = statSync(folder)
        chownSync(temporary, uid, gid)
      }
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    renameSync(temporary, file)
    syncFolder(folder)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw new Fault('file-not-writable', `${file} cannot be written: ${messageOf(error)}`, {
      hint: `Look at the owner and mode of the folder: ls -ld ${folder}`,
      cause: error,
    })
  }
}

/** Makes the rename itself durable. */
function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
