import type { Note } from './ledger.ts'

/** A note, or the death, of a process. */
export interface Event extends Pick<Note, 'at'> {
  readonly process: string
  /** Null where the process was killed. */
  readonly note: Note | null
}

/**
 * How many sessions were held at one instant for certain: from the moment at which its grant was read to that
 * before its release was sent, or before its process was killed.
 */
export class Overlap {
  readonly #held = new Map<string, Set<string>>()
  #now = 0
  #most = 0

  /** The most that were ever held at one instant. */
  get most(): number {
    return this.#most
  }

  /** Takes what happened since the last time, in any order. */
  take(events: Event[]): void {
    events.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
    for (const { process, note } of events) this.#takeOne(process, note)
  }

  #takeOne(process: string, note: Note | null): void {
    const held = this.#held.get(process) ?? new Set()
    this.#held.set(process, held)
    const before = held.size
    if (note === null) held.clear()
    else if (note.deed === 'granted') held.add(note.key)
    else if (note.deed === 'releasing' || note.deed === 'lost') held.delete(note.key)
    this.#now += held.size - before
    this.#most = Math.max(this.#most, this.#now)
  }
}
