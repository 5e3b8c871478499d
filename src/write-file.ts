import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  lchownSync,
  lstatSync,
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
      fchmodSync(descriptor, options.mode)
      if (isRoot()) {
        // By descriptor, never by name: the owner of the folder could put a link in its place meanwhile.
        const { uid, gid } = statSync(folder)
        fchownSync(descriptor, uid, gid)
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
  if (first === undefined || !isRoot()) return
  const { uid, gid } = statSync(dirname(folder))
  lchownSync(folder, uid, gid)
}

/**
 * Before root opens a database in the folder of a daemon that is another user: makes the file, empty, or takes it back
 * from root, so that it belongs to whom the folder belongs. SQLite gives the files that it makes beside a database to
 * the owner of that, so this must come before it makes any.
 */
export function makeOwnFile(file: string): void {
  if (!isRoot()) return
  const { uid, gid } = statSync(dirname(file))
  if (uid === 0) return
  const stats = lstatSync(file, { throwIfNoEntry: false })
  if (stats !== undefined) {
    // Not by a descriptor: to close one would let go of every lock that this process has on the file.
    // A link, or a second name of a file, is no file of the daemon.
    if (stats.uid === 0 && stats.isFile() && stats.nlink === 1) lchownSync(file, uid, gid)
    return
  }
  try {
    const descriptor = openSync(file, 'wx', 0o600)
    fchownSync(descriptor, uid, gid)
    closeSync(descriptor)
  } catch (error) {
    // The daemon, or another command, was first.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** What SQLite keeps beside a database. */
const COMPANIONS = ['', '-wal', '-shm', '-journal']

/**
 * Before a database is opened by root: a link that another user put there, as a daemon can in its own folder, would have
 * root write what that points to. Faults: `link-not-followed`.
 */
export function refuseForeignLinks(file: string): void {
  if (!isRoot()) return
  for (const suffix of COMPANIONS) {
    const path = file + suffix
    const stats = lstatSync(path, { throwIfNoEntry: false })
    if (stats?.isSymbolicLink() !== true || stats.uid === 0) continue
    throw new Fault(
      'link-not-followed',
      `${path} is a link of user ${stats.uid}, which root does not follow.`,
      {
        hint: `Look who made it, and remove it: ls -l ${path}`,
      },
    )
  }
}

/**
 * Before a database is opened: makes its file, empty, or closes one that is there, so that it is for its owner alone
 * whatever the umask was. What SQLite makes beside it gets the same mode. Root follows no link of another user there:
 * `link-not-followed`.
 */
export function makePrivateFile(file: string): void {
  refuseForeignLinks(file)
  try {
    if (lstatSync(file, { throwIfNoEntry: false }) === undefined) closeSync(openSync(file, 'wx', 0o600))
    else closeToOthers([file, `${file}-wal`, `${file}-shm`])
  } catch {
    // Where nothing can be made or changed SQLite says so, and its callers know what each of its errors means.
  }
}

/** By name and not by a descriptor: to close one would let go of every lock that this process has on the file. */
function closeToOthers(files: readonly string[]): void {
  for (const file of files) {
    const stats = lstatSync(file, { throwIfNoEntry: false })
    if (stats?.isFile() !== true || (stats.mode & 0o077) === 0) continue
    if (isRoot() || stats.uid === process.getuid?.()) chmodSync(file, stats.mode & 0o700)
  }
}

function isRoot(): boolean {
  return process.getuid?.() === 0
}
