import { existsSync, statSync } from 'node:fs'
import { Fault, messageOf } from '../../errors.ts'
import type { RecordSink } from '../../session/records.ts'
import { readIntoMemory } from '../memory-copy.ts'
import { setFileAside } from '../set-aside.ts'
import { classify, EMPTY_CONTENT, type JournalContent, JournalDatabase } from './database.ts'
import { FileIdentity } from './file-identity.ts'

/** The state that the journal records: the session counter. */
export interface Journalled {
  readonly hasChanges: boolean
  writeChanges(sink: RecordSink): void
  changesWritten(): void
  writeAll(sink: RecordSink): void
  allWritten(): void
}

/** What the operator must hear of the journal. Each is told once, when it changes. */
export interface JournalEvents {
  /** A file that could not be used was moved away; what could be read of it was taken over. */
  setAside(movedTo: string, why: string): void
  /** It cannot be written: sessions are counted in memory only, until it heals. */
  degraded(why: string): void
  healed(): void
}

export interface JournalOptions {
  readonly path: string
  readonly bootId: string
  /** This run of the daemon. */
  readonly instanceId: string
  readonly wallNow: () => number
  readonly events: JournalEvents
}

/**
 * The crash record of held sessions. `commit` once a turn, before any reply of the turn leaves.
 * Two states: **ok** and **degraded** (it cannot be written). `commit` and `heal` alone change them; calls go
 * on in both.
 */
export class Journal {
  readonly #options: JournalOptions
  #database: JournalDatabase | null = null
  /** Of the file that is open, and of its log. */
  #files: readonly FileIdentity[] = []
  #content: JournalContent = EMPTY_CONTENT
  /** False where there is a file of which not all is known: it must not be overwritten. */
  #isRead = false
  #mustRewrite = false
  #mustStamp = true
  #degraded = false
  #era = 0
  #closed = false

  /** Throws `daemon-already-running` where another process holds the file; no other trouble stops the start. */
  constructor(options: JournalOptions) {
    this.#options = options
    try {
      this.#open()
    } catch (error) {
      if (classify(error) === 'locked') {
        throw new Fault('daemon-already-running', `Another process holds the journal ${options.path}.`, {
          hint: 'One daemon serves a machine. Look for the other one: systemctl status sessiond',
          cause: error,
        })
      }
      // A file that was opened by half is opened anew by `heal`, or it would lack the stamp of this boot.
      this.#closeDatabase()
      if (!this.#isRead) this.#readCopy()
      this.#degrade(error)
    }
  }

  get degraded(): boolean {
    return this.#degraded
  }

  /** How often all of it had to be written anew: what was held before is in the file since. */
  get era(): number {
    return this.#era
  }

  /** What the file held of this boot when it was opened. */
  get content(): JournalContent {
    return this.#content
  }

  /** Call once what `content` held was taken over, so that its memory can be freed. */
  contentTaken(): void {
    this.#content = EMPTY_CONTENT
  }

  /** Writes the changes in one transaction. While degraded it does nothing: `heal` writes everything. */
  commit(state: Journalled): void {
    if (this.#degraded || this.#closed) return
    if (!(state.hasChanges || this.#mustRewrite || this.#mustStamp)) return
    try {
      if (this.#mustRewrite) this.#rewrite(state)
      else {
        this.#database!.transaction(() => {
          // Not before: a run whose start fails must not pass for the last one that held sessions.
          if (this.#mustStamp) this.#stamp(this.#era)
          state.writeChanges(this.#database!)
        })
        state.changesWritten()
        this.#mustStamp = false
      }
    } catch (error) {
      this.#degrade(error)
    }
  }

  /** Tries to make a degraded journal good again, with everything that is held now. Call it now and then. */
  heal(state: Journalled): void {
    if (!this.#degraded || this.#closed) return
    try {
      if (this.#isLost()) this.#closeDatabase()
      if (!this.#isRead) this.#setAside('it could not be read when the daemon started')
      if (this.#database === null) this.#open()
      this.contentTaken()
      this.#rewrite(state)
    } catch {
      // Nothing new to tell: the operator knows that it is degraded. A fresh handle next time.
      this.#closeDatabase()
      return
    }
    this.#degraded = false
    this.#options.events.healed()
  }

  /** True where the file or its log is not what is open: somebody removed, replaced or cut it. */
  get lost(): boolean {
    return !this.#degraded && this.#isLost()
  }

  /** Declares the open file lost; the next `heal` makes a new one. */
  abandon(): void {
    this.#closeDatabase()
    this.#isRead = false
    this.#degrade(new Error(`${this.#options.path} was removed or replaced`))
  }

  /** Ends the journal: from now on nothing is written. What it holds is for the next start. */
  close(): void {
    this.#closed = true
    this.#closeDatabase()
  }

  #closeDatabase(): void {
    const database = this.#database
    this.#database = null
    database?.close()
  }

  #open(): void {
    const { bootId } = this.#options
    try {
      this.#openFile()
      this.#content = this.#database!.load(bootId)
      if (this.#content.flaw !== null) throw new Fault('journal-damaged', this.#content.flaw)
      this.#isRead = true
    } catch (error) {
      if (classify(error) !== 'unusable') throw error
      this.#closeDatabase()
      this.#setAside(messageOf(error))
      this.#openFile()
      this.#database!.load(bootId)
      this.#mustRewrite = true
    }
  }

  /** Where the disk cannot be written SQLite opens nothing, but what was granted must be counted. */
  #readCopy(): void {
    const { path, bootId } = this.#options
    try {
      const bytes = readIntoMemory(path)
      if (bytes !== null) this.#content = contentOf(bytes, bootId)
      this.#isRead = this.#content.flaw === null
    } catch (error) {
      this.#content = { ...EMPTY_CONTENT, flaw: messageOf(error) }
    }
  }

  /** Moves away what is there, log and all. What was read of it is written anew. */
  #setAside(why: string): void {
    const { path, wallNow, events } = this.#options
    // Something else than a file was put there by somebody, who may want it: it is waited for that it goes.
    const isFile = statSync(path, { throwIfNoEntry: false })?.isFile() ?? true
    if (!isFile) return
    const isThere = existsSync(path)
    const movedTo = setFileAside(path, wallNow())
    if (isThere) events.setAside(movedTo, why)
    this.#isRead = true
  }

  #isLost(): boolean {
    return this.#files.some(file => file.isLost())
  }

  #openFile(): void {
    const { path } = this.#options
    this.#database = new JournalDatabase(path)
    this.#files = [new FileIdentity(path), new FileIdentity(`${path}-wal`)]
  }

  #stamp(era: number): void {
    this.#database!.stamp({ instanceId: this.#options.instanceId, era })
  }

  #rewrite(state: Journalled): void {
    const database = this.#database!
    const era = this.#era + 1
    database.transaction(() => {
      database.clear()
      this.#stamp(era)
      state.writeAll(database)
    })
    state.allWritten()
    this.#era = era
    this.#mustRewrite = false
    this.#mustStamp = false
  }

  #degrade(error: unknown): void {
    this.#degraded = true
    this.#options.events.degraded(messageOf(error))
  }
}

function contentOf(bytes: Buffer, bootId: string): JournalContent {
  const copy = new JournalDatabase(bytes)
  try {
    return copy.load(bootId)
  } finally {
    copy.close()
  }
}
