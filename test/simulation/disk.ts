import fs, {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Random } from './random.ts'

export type Damage = 'removed' | 'garbage' | 'torn' | 'flipped bytes'

/** The journal, and what is to take its place. */
const SUFFIXES = ['', '.new']

/** Where histories keep their files: in memory, where the machine has such a place. */
const root = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

/**
 * The runtime directory of the daemon. Each run of it sees a directory of its own, into which the files are
 * copied as a `kill -9` left them: closing them in this process would tidy them up.
 */
export class Disk {
  /** Every write of the journal fails, after as many bytes of it as this. Null: they succeed. */
  bytesLeft: number | null = null
  /** Of the file that is in use now or will be at the next start. */
  damaged = false
  /** What the license file says. */
  licenseText: string | null = null
  readonly #folder = mkdtempSync(join(root, 'sessiond-simulation-'))
  #run = 0

  constructor() {
    this.#makeDirectory()
  }

  get directory(): string {
    return join(this.#folder, String(this.#run))
  }

  get journalPath(): string {
    return join(this.directory, 'sessions.journal')
  }

  get licensePath(): string {
    return join(this.#folder, 'license.jws')
  }

  layLicense(text: string): void {
    this.licenseText = text
    writeFileSync(this.licensePath, text)
  }

  /** The process dies; what it wrote is found by the next, under another name. Call before its files are closed. */
  leave(): void {
    const before = this.journalPath
    this.#run++
    this.#makeDirectory()
    for (const suffix of SUFFIXES) {
      if (existsSync(before + suffix)) copyFileSync(before + suffix, this.journalPath + suffix)
    }
  }

  /** Happens to the files of a daemon that is not running. */
  damage(kind: Damage, random: Random): void {
    this.damaged = true
    const path = this.journalPath
    if (!existsSync(path)) return
    if (kind === 'removed') for (const suffix of SUFFIXES) rmSync(path + suffix, { force: true })
    else if (kind === 'garbage')
      writeFileSync(path, 'This is not a journal, but long enough to be one.'.repeat(90))
    else if (kind === 'torn') tear(path, random)
    else flip(path, random)
  }

  /** Somebody moves the open file away. */
  moveJournal(): void {
    this.damaged = true
    if (existsSync(this.journalPath)) renameSync(this.journalPath, `${this.journalPath}.moved`)
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #makeDirectory(): void {
    mkdirSync(this.directory, { recursive: true, mode: 0o700 })
  }
}

function tear(path: string, random: Random): void {
  if (!existsSync(path)) return
  truncateSync(path, random.below(readFileSync(path).length + 1))
}

function flip(path: string, random: Random): void {
  const bytes = readFileSync(path)
  for (let count = 0; count < 20 && bytes.length > 0; count++) bytes[random.below(bytes.length)]! ^= 0xff
  writeFileSync(path, bytes)
}

/** The disk whose faults the journal meets now: histories run one after another. */
let inUse: Disk | null = null

export function useDisk(disk: Disk | null): void {
  inUse = disk
}

// The seam: the call of Node.js by which the journal writes. It names a position, which nothing else in a history does.
// Some of the bytes are written, then the disk is full.
const { writeSync } = fs
fs.writeSync = ((descriptor: number, bytes: Buffer, offset: number, length: number, position: number) => {
  const bytesLeft = inUse?.bytesLeft ?? null
  if (bytesLeft === null || typeof position !== 'number')
    return writeSync(descriptor, bytes, offset, length, position)
  if (bytesLeft > 0) writeSync(descriptor, bytes, offset, Math.min(bytesLeft, length - 1), position)
  throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
}) as typeof fs.writeSync
syncBuiltinESMExports()
