import {
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
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { JournalDatabase } from '../../src/daemon/journal/database.ts'
import type { Random } from './random.ts'

export type Damage = 'removed' | 'garbage' | 'torn log' | 'flipped bytes'

const SUFFIXES = ['', '-wal']

/** Where histories keep their files: in memory, where the machine has such a place. */
const root = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

/**
 * The runtime directory of the daemon. Each run of it sees a directory of its own, into which the files are
 * copied as a `kill -9` left them: closing them in this process would tidy them up.
 */
export class Disk {
  /** Every write of the journal fails, after as many records as this. Null: they succeed. */
  failsAfter: number | null = null
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
    return join(this.directory, 'journal.db')
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
      writeFileSync(path, 'This is not a database, but long enough to be one.'.repeat(90))
    else if (kind === 'torn log') tear(`${path}-wal`, random)
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

/** What SQLite throws where the disk is full. */
class DiskFull extends Error {
  readonly code = 'SQLITE_FULL'
}

/** The disk whose faults the journal meets now: histories run one after another. */
let inUse: Disk | null = null

export function useDisk(disk: Disk | null): void {
  inUse = disk
}

// The seam: the transaction of the real database, in which a write may fail. What was written of it is then
// rolled back by SQLite itself.
const { transaction } = JournalDatabase.prototype
JournalDatabase.prototype.transaction = function (this: JournalDatabase, write: () => void): void {
  const failsAfter = inUse?.failsAfter ?? null
  if (failsAfter === null) {
    transaction.call(this, write)
    return
  }
  transaction.call(this, () => {
    // Some of it is written, then all of it fails.
    if (failsAfter > 0) write()
    throw new DiskFull('database or disk is full')
  })
}
