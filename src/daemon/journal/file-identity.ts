import { fstatSync, lstatSync, statSync } from 'node:fs'

/** Mode bits of group and others. */
const OPEN_TO_OTHERS = 0o077n

/**
 * Tells whether a file is still the one that it was: not removed, not replaced, and as long as its writer left it. A file
 * that is not there yet is taken for what it is when it comes.
 */
export class FileIdentity {
  readonly #path: string
  #inode: string

  constructor(path: string) {
    this.#path = path
    this.#inode = identityOf(path).inode
  }

  /** @param writtenBytes how long its only writer made it */
  isLost(writtenBytes: number): boolean {
    const { inode, size } = identityOf(this.#path)
    if (this.#inode !== '' && (inode !== this.#inode || size !== BigInt(writtenBytes))) return true
    this.#inode = inode
    return false
  }
}

/**
 * Whether the path leads to the very file that is open, and to nothing that stands for it, and the file is ours and was
 * closed to all others: whoever could open it may still have it open.
 */
export function isOwnAt(path: string, descriptor: number): boolean {
  const open = fstatSync(descriptor, { bigint: true })
  const there = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  if (!open.isFile() || there?.dev !== open.dev || there.ino !== open.ino) return false
  return open.nlink === 1n && (open.mode & OPEN_TO_OTHERS) === 0n && open.uid === BigInt(process.geteuid!())
}

/** The inode is empty where there is no file, or none that can be reached. */
function identityOf(path: string): { inode: string; size: bigint } {
  try {
    const { dev, ino, size } = statSync(path, { bigint: true })
    return { inode: `${dev}:${ino}`, size }
  } catch {
    return { inode: '', size: 0n }
  }
}
