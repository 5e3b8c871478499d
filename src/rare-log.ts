/** Entries are kept for this many different keys; others share one. */
const MAX_KEYS = 64

/**
 * Lets one line for each key through in a while, and says how many it held back: what a broken or hostile
 * client causes thousands of times must not fill the log.
 */
export class RareLog {
  readonly #everyMs: number
  readonly #now: () => number
  readonly #entries = new Map<string, { nextAt: number; heldBack: number }>()

  constructor(everyMs: number, now: () => number) {
    this.#everyMs = everyMs
    this.#now = now
  }

  /** Calls `write` with the number of lines held back since the last one, or holds this one back. */
  say(key: string, write: (heldBack: number) => void): void {
    const known = this.#entries.has(key) || this.#entries.size < MAX_KEYS
    const name = known ? key : ''
    const entry = this.#entries.get(name) ?? { nextAt: Number.NEGATIVE_INFINITY, heldBack: 0 }
    this.#entries.set(name, entry)
    if (this.#now() < entry.nextAt) {
      entry.heldBack++
      return
    }
    const { heldBack } = entry
    entry.heldBack = 0
    entry.nextAt = this.#now() + this.#everyMs
    write(heldBack)
  }
}
