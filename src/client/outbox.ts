import type { AcquireEntry, Entry, HelloEntry, QueryEntry, ReleaseEntry, ResumeEntry } from './entries.ts'
import { Fifo } from './fifo.ts'
import { acquireFrame, helloFrame, queryFrame, releaseFrame, resumeFrame } from './frames.ts'

export interface FrameBounds {
  readonly maxFrameBytes: number
  readonly maxBatchLength: number
}

/**
 * The requests of one client on their way: those that wait to be sent and those that wait for their answers.
 * Replies come in the order of the requests, so the answered one is always the first of those in flight.
 * After a lost connection everything unanswered waits again, to be repeated.
 */
export class Outbox {
  /** Sent before any acquire: a release may make room for it, and must come before an acquire of its key. */
  readonly #plain = new Fifo<ReleaseEntry | QueryEntry>()
  readonly #acquires = new Fifo<AcquireEntry>()
  readonly #inFlight = new Fifo<Entry>()
  #nextId = 1
  #dropped = 0

  /** Requests that wait to be sent or answered. */
  get length(): number {
    return this.#plain.length + this.#acquires.length + this.#inFlight.length
  }

  /** Requests that wait to be sent. */
  get waiting(): number {
    return this.#plain.length + this.#acquires.length
  }

  /** Whether nothing is left that should still be sent or answered. */
  get settled(): boolean {
    for (const entry of this) if (isWanted(entry)) return false
    return true
  }

  /** Whether the daemon owes an answer. */
  get owed(): boolean {
    return this.#inFlight.length > 0
  }

  enqueue(entry: AcquireEntry | ReleaseEntry | QueryEntry): void {
    if (entry.kind === 'acquire') this.#acquires.push(entry)
    else this.#plain.push(entry)
  }

  /** Before all other acquires: these belong to calls that are going on. */
  enqueueFirst(entries: readonly AcquireEntry[]): void {
    this.#acquires.prepend(entries)
  }

  /** An acquire that was never sent is not wanted any more; it is skipped when its turn comes. */
  drop(): void {
    this.#dropped++
    if (this.#dropped * 2 < this.#acquires.length) return
    this.#acquires.retain(isWanted)
    this.#dropped = 0
  }

  /** Sends everything that waits, in as few frames as the bounds allow; acquires only while `admitting`. */
  flush(bounds: FrameBounds, admitting: boolean, send: (frame: string) => void): void {
    let body = ''
    let count = 0
    for (;;) {
      const entry = this.#plain.shift() ?? (admitting ? this.#acquires.shift() : undefined)
      if (entry === undefined) break
      if (!isWanted(entry)) continue
      const text = this.#encode(entry)
      if (
        count > 0 &&
        (count >= bounds.maxBatchLength || body.length + text.length + 3 > bounds.maxFrameBytes)
      ) {
        send(count === 1 ? body : `[${body}]`)
        count = 0
      }
      body = count === 0 ? text : `${body},${text}`
      count++
    }
    if (count > 0) send(count === 1 ? body : `[${body}]`)
  }

  hello(params: string): string {
    const entry: HelloEntry = { kind: 'hello', id: this.#nextId++ }
    this.#inFlight.push(entry)
    return helloFrame(entry.id, params)
  }

  resume(sessions: ResumeEntry['sessions']): string {
    const entry: ResumeEntry = { kind: 'resume', id: this.#nextId++, sessions }
    this.#inFlight.push(entry)
    return resumeFrame(entry.id, sessions.keys())
  }

  /** The request that a reply with this id answers; `undefined` where none is due with it. */
  answered(id: unknown): Entry | undefined {
    const entry = this.#inFlight.shift()
    return entry !== undefined && entry.id === id ? entry : undefined
  }

  /** The connection is gone: what was not answered waits again, calls that go on before new ones. */
  interrupted(): void {
    const acquires: AcquireEntry[] = []
    const plain: (ReleaseEntry | QueryEntry)[] = []
    for (const entry of this.#inFlight.drain()) {
      if (entry.kind === 'acquire') acquires.push(entry)
      else if (entry.kind === 'release') {
        entry.repeated = true
        plain.push(entry)
      } else if (entry.kind === 'query') plain.push(entry)
    }
    this.#plain.prepend(plain)
    const all = [...acquires, ...this.#acquires.drain()]
    for (const entry of all) if (entry.session !== undefined) this.#acquires.push(entry)
    for (const entry of all) if (entry.session === undefined) this.#acquires.push(entry)
  }

  /** Everything that waits or is in flight. */
  *[Symbol.iterator](): Generator<Entry> {
    yield* this.#plain
    yield* this.#acquires
    yield* this.#inFlight
  }

  /** Takes everything out. */
  clear(): Entry[] {
    return [...this.#plain.drain(), ...this.#acquires.drain(), ...this.#inFlight.drain()]
  }

  #encode(entry: AcquireEntry | ReleaseEntry | QueryEntry): string {
    entry.id = this.#nextId++
    this.#inFlight.push(entry)
    if (entry.kind === 'acquire') {
      entry.sent = true
      return acquireFrame(entry.id, entry.key, entry.application)
    }
    return entry.kind === 'release'
      ? releaseFrame(entry.id, entry.session.token)
      : queryFrame(entry.id, entry.method)
  }
}

/** Whether there is still a reason to send it and to hear the answer. */
function isWanted(entry: Entry): boolean {
  if (entry.kind === 'acquire') {
    return entry.sent || entry.waiters.length > 0 || entry.session !== undefined
  }
  return entry.kind !== 'query' || !entry.settled
}
