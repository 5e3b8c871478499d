import { statSync } from 'node:fs'
import { Fault, messageOf } from '../../errors.ts'
import { lockFile } from '../lock-file.ts'
import { setFileAside } from '../set-aside.ts'
import {
  EMPTY_CONTENT,
  type JournalContent,
  type JournalExtent,
  type JournalOrigin,
  readJournal,
} from './content.ts'
import { type Compaction, JournalFile, type Journalled } from './journal-file.ts'

/** What the operator must hear of the journal. Each is told once, when it changes. */
export interface JournalEvents {
  /** A file that could not be used was moved away; what could be read of it was taken over. */
  setAside(movedTo: string, why: string): void
  /** It cannot be written: sessions are counted in memory only, until it heals. */
  degraded(why: string): void
  healed(): void
  /** It is written, but could not be made shorter. */
  notCompacted(why: string): void
}

export interface JournalOptions {
  readonly path: string
  readonly bootId: string
  /** This run of the daemon. */
  readonly instanceId: string
  readonly wallNow: () => number
  readonly events: JournalEvents
  readonly compaction?: Compaction
}

/**
 * The crash record of held sessions. `commit` once a turn, before any reply of the turn leaves.
 * Two states: **ok** and **degraded** (it cannot be written). `commit`, `heal` and `abandon` alone change them; calls
 * go on in both.
 */
export class Journal {
  readonly #options: JournalOptions
  readonly #file: JournalFile
  #unlock: (() => void) | null = null
  #content: JournalContent = EMPTY_CONTENT
  /** How far this run may go on with the file of the last, once it has taken over what is in it. */
  #extent: JournalExtent | null = null
  /** Why the file that is there must be kept for somebody to look at, where that is so. */
  #flaw: string | null = null
  /** Whether this run has a file of its own. */
  #begun = false
  #degraded = false
  #era = 0
  #closed = false

  /** Throws `daemon-already-running` where another process holds the journal; no other trouble stops the start. */
  constructor(options: JournalOptions) {
    this.#options = options
    this.#file = new JournalFile(options.path, options.events.notCompacted, options.compaction)
    try {
      this.#lock()
    } catch (error) {
      if (error instanceof Fault) throw error
      this.#degrade(error)
    }
    this.#read()
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

  /** Call once what `content` held was taken over: its memory can be freed, and the file that has it gone on with. */
  contentTaken(): void {
    this.#extent = this.#content.extent
    this.#content = EMPTY_CONTENT
  }

  /** Writes the changes in one block, all of it or nothing. While degraded it does nothing: `heal` writes everything. */
  commit(state: Journalled): void {
    if (this.#degraded || this.#closed) return
    if (this.#begun && !state.hasChanges) return
    try {
      if (!this.#begun) {
        // Not before: a run whose start fails must not pass for the last one that held sessions.
        this.#begin(state)
        return
      }
      this.#file.append(state)
      state.changesWritten()
    } catch (error) {
      this.#degrade(error)
    }
  }

  /** Tries to make a degraded journal good again, with everything that is held now. Call it now and then. */
  heal(state: Journalled): void {
    if (!this.#degraded || this.#closed) return
    try {
      this.#lock()
      this.#replace(state, this.#era + 1)
    } catch {
      // Nothing new to tell: the operator knows that it is degraded.
      return
    }
    this.contentTaken()
    this.#degraded = false
    this.#options.events.healed()
  }

  /** True where the file is not what is written: somebody removed, replaced or cut it. */
  get lost(): boolean {
    return !this.#degraded && this.#file.isLost
  }

  /** Declares the file lost; the next `heal` makes a new one, and keeps what is there now. */
  abandon(): void {
    this.#file.close()
    this.#flaw = 'somebody else put it there'
    this.#degrade(new Error(`${this.#options.path} was removed or replaced`))
  }

  /** Ends the journal: from now on nothing is written. What it holds is for the next start. */
  close(): void {
    this.#closed = true
    this.#file.close()
    this.#unlock?.()
    this.#unlock = null
  }

  /** The lock is of a file of its own: the journal's is another one after each time that it is made anew. */
  #lock(): void {
    if (this.#unlock !== null) return
    this.#unlock = lockFile(`${this.#options.path}.lock`)
    if (this.#unlock !== null) return
    throw new Fault('daemon-already-running', `Another process holds the journal ${this.#options.path}.`, {
      hint: 'One daemon serves a machine. Look for the other one: systemctl status sessiond',
    })
  }

  #read(): void {
    const { bootId } = this.#options
    try {
      this.#content = readJournal(this.#file.read(), bootId)
      this.#flaw = this.#content.flaw
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
      this.#flaw = messageOf(error)
      if (!(error instanceof Fault)) this.#degrade(error)
    }
  }

  #begin(state: Journalled): void {
    const extent = this.#extent
    this.#extent = null
    if (extent === null || !this.#file.goOn(this.#originOf(this.#era), state, extent)) {
      this.#replace(state, this.#era)
      return
    }
    state.changesWritten()
    this.#begun = true
  }

  #replace(state: Journalled, era: number): void {
    this.#file.replace(this.#originOf(era), state, () => this.#setAside())
    state.allWritten()
    this.#era = era
    this.#begun = true
  }

  #originOf(era: number): JournalOrigin {
    const { bootId: boot, instanceId } = this.#options
    return { boot, instanceId, era }
  }

  /** Moves away what is there, where it is more than what was read of it. */
  #setAside(): void {
    const { path, wallNow, events } = this.#options
    const flaw = this.#flaw
    if (flaw === null) return
    const there = statSync(path, { throwIfNoEntry: false })
    // Something else than a file was put there by somebody, who may want it: it is waited for that it goes.
    if (there !== undefined && !there.isFile()) return
    if (there !== undefined) events.setAside(setFileAside(path, wallNow()), flaw)
    this.#flaw = null
  }

  #degrade(error: unknown): void {
    if (this.#degraded) return
    this.#degraded = true
    this.#options.events.degraded(messageOf(error))
  }
}
