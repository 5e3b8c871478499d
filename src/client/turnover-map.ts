/** So few deleted entries are not worth a new table. */
const RENEW_AT = 64

/**
 * A map whose entries come and go all the time, as those of calls do.
 *
 * When the table of a `Map` of V8 is full of deleted entries, it is left for a new one, and keeps pointing to it.
 * Once one such table has grown old, all later ones and what was in them outlive every minor collection, until a
 * major one: for a busy client that was a quarter of its time. A map that is left for a copy points to nothing.
 *
 * An iteration may still give what was deleted since it began.
 */
export class TurnoverMap<V> implements ReadonlyMap<string, V> {
  #entries = new Map<string, V>()
  #deleted = 0

  get size(): number {
    return this.#entries.size
  }

  get(key: string): V | undefined {
    return this.#entries.get(key)
  }

  has(key: string): boolean {
    return this.#entries.has(key)
  }

  set(key: string, value: V): void {
    this.#entries.set(key, value)
  }

  delete(key: string): void {
    if (!this.#entries.delete(key)) return
    this.#deleted++
    if (this.#deleted < RENEW_AT || this.#deleted < this.#entries.size) return
    this.#entries = new Map(this.#entries)
    this.#deleted = 0
  }

  clear(): void {
    this.#entries = new Map()
    this.#deleted = 0
  }

  keys(): MapIterator<string> {
    return this.#entries.keys()
  }

  values(): MapIterator<V> {
    return this.#entries.values()
  }

  entries(): MapIterator<[string, V]> {
    return this.#entries.entries()
  }

  forEach(act: (value: V, key: string, map: ReadonlyMap<string, V>) => void, thisArg?: unknown): void {
    for (const [key, value] of this.#entries) act.call(thisArg, value, key, this)
  }

  [Symbol.iterator](): MapIterator<[string, V]> {
    return this.#entries[Symbol.iterator]()
  }
}
