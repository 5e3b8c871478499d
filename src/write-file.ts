import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { Fault, messageOf } from './errors.ts'

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

/** Makes a folder with those above it. Made by root, it belongs to whom the folder around it belongs. */
export function makeFolder(folder: string, mode: number): void {
  const first = mkdirSync(folder, { recursive: true, mode })
  if (first !== undefined) giveToOwnerAround(folder)
}

/** A file or folder that root made for a daemon that is another user must not stay root's. */
export function giveToOwnerAround(path: string): void {
  if (process.getuid?.() !== 0) return
  const { uid, gid } = statSync(dirname(path))
  chownSync(path, uid, gid)
}
