import {
  closeSync,
  constants,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { messageOf } from '../../errors.ts'
import type { RecordSink } from '../../session/records.ts'
import { firstLine } from './block.ts'
import type { JournalExtent, JournalOrigin } from './content.ts'
import { BlockEncoder } from './encoder.ts'
import { FileIdentity, isOwnAt } from './file-identity.ts'

/** The state that the journal records: the session counter. */
export interface Journalled {
  readonly hasChanges: boolean
  writeChanges(sink: RecordSink): void
  changesWritten(): void
  /**
   * Tells the sink what is held at `count` places from `place` on (0: the first). Gives the place after them, null at
   * the end. What changes between two calls is told by `writeChanges`, at whatever place.
   */
  writeHeld(sink: RecordSink, place: number, count: number): number | null
  allWritten(): void
}

/** When a file that has grown is made anew, and how fast. */
export interface Compaction {
  /** It has this size at least, and twice that which it had when it was made. */
  readonly minBytes: number
  /** Places that are copied in one turn. */
  readonly placesInATurn: number
}

/** That many places take some tens of microseconds. */
const COMPACTION: Compaction = { minBytes: 8 * 1024 * 1024, placesInATurn: 256 }
const GROWTH = 2
/** Places of one block where all of it is written at once. */
const PLACES_OF_A_BLOCK = 4096

/** A file that is only added to. */
interface Growing {
  readonly descriptor: number
  size: number
}

/**
 * The journal on disk. It is made under another name and then takes its place, and from then on it is only added to, a
 * block a turn and without fsync: it has to survive the death of the process, not of the machine. The next run goes on
 * with it, where all of it is good.
 *
 * What has grown too long gets a **successor**, beside it: what is held is copied there, some of it in each turn, and
 * every turn is written to both. When all is copied the successor takes the place of the file. So no turn waits for
 * more than its share, and a crash finds a whole file at every moment.
 */
export class JournalFile {
  readonly #path: string
  readonly #notCompacted: (why: string) => void
  readonly #compaction: Compaction
  readonly #encoder = new BlockEncoder()
  #file: Growing | null = null
  /** The file of the run before, between `read` and what comes of it. */
  #earlier: number | null = null
  #identity: FileIdentity | null = null
  #origin: JournalOrigin | null = null
  /** The next file, and the place from which on its copy is still to be made. */
  #successor: { readonly file: Growing; place: number } | null = null
  #compactAt = 0

  /** @param notCompacted is told why it could not be made shorter, and goes on growing. */
  constructor(path: string, notCompacted: (why: string) => void, compaction = COMPACTION) {
    this.#path = path
    this.#notCompacted = notCompacted
    this.#compaction = compaction
  }

  /** True where somebody removed, replaced or cut the file that is written, or wrote to it. */
  get isLost(): boolean {
    return this.#identity?.isLost(this.#file!.size) ?? false
  }

  /** What the run before left. Throws where nothing can be read. */
  read(): Buffer {
    this.#earlier = openToGoOn(this.#path)
    return readFileSync(this.#earlier ?? this.#path)
  }

  /**
   * Goes on with the file that was read, as far as it is good: a restart with a hundred thousand sessions writes none of
   * them anew. False where that cannot be, and nothing was done.
   */
  goOn(origin: JournalOrigin, state: Journalled, extent: JournalExtent): boolean {
    const descriptor = this.#earlier
    if (descriptor === null || !isOwnAt(this.#path, descriptor)) return false
    // Runs that end soon, one after the other, never finish a successor.
    if (extent.end > this.#mostBytes(extent.heldBytes) * GROWTH) return false
    // What the writer was killed at goes, so that nothing of it comes after what is added now.
    ftruncateSync(descriptor, extent.end)
    this.#encoder.discard()
    this.#encoder.putOrigin(origin)
    state.writeChanges(this.#encoder)
    const file = { descriptor, size: extent.end }
    add(file, this.#encoder.finish())
    this.#earlier = null
    this.#origin = origin
    this.#take(file, extent.heldBytes)
    return true
  }

  /** Writes all that is held to a new file. `beforeItCounts` is called when it is whole, before it takes its place. */
  replace(origin: JournalOrigin, state: Journalled, beforeItCounts: () => void): void {
    this.#dropSuccessor()
    this.#dropEarlier()
    const file = this.#create(origin)
    try {
      for (let place: number | null = 0; place !== null; )
        place = this.#copy(file, state, place, PLACES_OF_A_BLOCK)
      beforeItCounts()
      renameSync(this.#newPath, this.#path)
    } catch (error) {
      this.#discard(file)
      throw error
    }
    this.#origin = origin
    this.#take(file)
  }

  /** Adds what has changed. Throws where it cannot be written; then the file holds what it held before. */
  append(state: Journalled): void {
    this.#encoder.discard()
    state.writeChanges(this.#encoder)
    // What came and went within the turn is no news.
    if (this.#encoder.isEmpty) return
    const block = this.#encoder.finish()
    add(this.#file!, block)
    if (this.#successor !== null || this.#file!.size >= this.#compactAt) this.#compact(block, state)
  }

  /** Lets go of the file. It stays where it is. */
  close(): void {
    this.#dropSuccessor()
    this.#dropEarlier()
    if (this.#file !== null) closeSync(this.#file.descriptor)
    this.#file = null
    this.#identity = null
  }

  get #newPath(): string {
    return `${this.#path}.new`
  }

  #compact(block: Buffer, state: Journalled): void {
    try {
      if (this.#successor === null) this.#successor = { file: this.#create(this.#origin!), place: 0 }
      else add(this.#successor.file, block)
      const { file, place } = this.#successor
      const next = this.#copy(file, state, place, this.#compaction.placesInATurn)
      if (next !== null) {
        this.#successor.place = next
        return
      }
      renameSync(this.#newPath, this.#path)
      this.#successor = null
      this.#take(file)
    } catch (error) {
      // What was asked for is written. The next try comes when the file has grown further.
      this.#dropSuccessor()
      this.#compactAt = this.#file!.size * GROWTH
      this.#notCompacted(messageOf(error))
    }
  }

  #create(origin: JournalOrigin): Growing {
    // One that a crash left is worth nothing.
    rmSync(this.#newPath, { force: true })
    const file = { descriptor: openSync(this.#newPath, 'wx', 0o600), size: 0 }
    this.#encoder.discard()
    this.#encoder.putOrigin(origin)
    try {
      add(file, firstLine)
      add(file, this.#encoder.finish())
    } catch (error) {
      this.#discard(file)
      throw error
    }
    return file
  }

  #copy(file: Growing, state: Journalled, place: number, count: number): number | null {
    this.#encoder.discard()
    const next = state.writeHeld(this.#encoder, place, count)
    if (!this.#encoder.isEmpty) add(file, this.#encoder.finish())
    return next
  }

  #take(file: Growing, heldBytes = file.size): void {
    if (this.#file !== null) closeSync(this.#file.descriptor)
    this.#file = file
    this.#identity = new FileIdentity(this.#path)
    this.#compactAt = this.#mostBytes(heldBytes)
  }

  /** What so much may grow to before it is made anew. */
  #mostBytes(heldBytes: number): number {
    return Math.max(this.#compaction.minBytes, heldBytes * GROWTH)
  }

  #dropEarlier(): void {
    if (this.#earlier !== null) closeSync(this.#earlier)
    this.#earlier = null
  }

  #dropSuccessor(): void {
    const successor = this.#successor
    this.#successor = null
    if (successor !== null) this.#discard(successor.file)
  }

  #discard(file: Growing): void {
    closeSync(file.descriptor)
    rmSync(this.#newPath, { force: true })
  }
}

/** The file, to be read and added to; null where it can only be read, or is none that was made here. */
function openToGoOn(path: string): number | null {
  const { O_RDWR, O_NOFOLLOW, O_NONBLOCK } = constants
  try {
    return openSync(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK)
  } catch (error) {
    // Whoever reads it finds out what is wrong with it.
    if ((error as NodeJS.ErrnoException).syscall === 'open') return null
    throw error
  }
}

/** Adds all of the bytes, or throws. What was added of them by then is a torn block, which nobody reads. */
function add(file: Growing, bytes: Buffer): void {
  let written = 0
  while (written < bytes.length) {
    written += writeSync(file.descriptor, bytes, written, bytes.length - written, file.size + written)
  }
  file.size += bytes.length
}
