import { statSync } from 'node:fs'
import { join } from 'node:path'
import { TestProgram } from '../support/processes.ts'
import type { Site, TearDown } from '../support/site.ts'
import { Book } from './book.ts'
import { LedgerReader } from './ledger.ts'
import type { Event } from './overlap.ts'

/** How a call process speaks to the daemon, and whether it tells which process it is. */
export type Kind = 'named' | 'unnamed' | 'library'

/** A call process with its book, seen from the storm. */
export class StormCaller {
  readonly kind: Kind
  readonly book: Book
  readonly #program: TestProgram
  readonly #ledger: string
  readonly #reader: LedgerReader
  readonly #ready: Promise<string>
  #diedAt: bigint | null = null
  #told = false
  #isGoing = false

  constructor(t: TearDown, site: Site, kind: Kind, name: string, hold: number) {
    this.kind = kind
    this.book = new Book(name)
    this.#ledger = join(site.folder, `${name}.ledger`)
    const file = kind === 'library' ? 'library-process.ts' : 'raw-process.ts'
    const args = [site.config.listen.unix.path, name, this.#ledger, String(hold), kind]
    this.#program = new TestProgram(t, join(import.meta.dirname, file), args)
    this.#reader = new LedgerReader(this.#ledger)
    this.#ready = this.#program.line()
    // Who is killed before it says so is not missed.
    this.#ready.catch(() => 'killed')
  }

  async ready(): Promise<void> {
    await this.#ready
  }

  async #expect(line: 'ended' | 'quiet'): Promise<void> {
    await this.#ready
    const said = await this.#program.line()
    if (said !== line) throw new Error(`${this.book.client} said "${said}" and not "${line}"`)
  }

  /** Bytes in its ledger. */
  get written(): number {
    return statSync(this.#ledger, { throwIfNoEntry: false })?.size ?? 0
  }

  go(): void {
    this.#isGoing = true
    this.#program.say('go')
  }

  async pause(): Promise<void> {
    this.#program.say('pause')
    await this.#expect('quiet')
  }

  /** Waits until it has read all that the dead daemon had written to it. The library does not say. */
  async ended(): Promise<void> {
    if (this.#isGoing && this.kind !== 'library') await this.#expect('ended')
    this.#isGoing = false
  }

  async kill(): Promise<void> {
    this.#diedAt = process.hrtime.bigint()
    await this.#program.kill()
  }

  /** Brings the book up to date, and gives what happened since the last time. */
  read(): Event[] {
    const process = this.book.client
    const diedAt = this.#diedAt
    const events: Event[] = []
    for (const note of this.#reader.read()) {
      this.book.take(note)
      if (diedAt === null || note.at < diedAt) events.push({ at: note.at, process, note })
    }
    if (diedAt !== null && !this.#told) {
      this.#told = true
      this.book.die()
      events.push({ at: diedAt, process, note: null })
    }
    return events
  }
}
