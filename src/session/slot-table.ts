import type { EarlierSessions } from './records.ts'

/** A doubly linked list of slots, threaded through the table; a slot is in exactly one while it is held. */
export interface SlotList {
  head: number
  size: number
}

export function emptyList(): SlotList {
  return { head: NONE, size: 0 }
}

export const NONE = -1

const LIVE = 1
const DIRTY = 2
const JOURNALED = 4
const RESTORED = 8
const EARLIER = 16
const UNREAD = 32
const KEPT_BY_JOURNAL = RESTORED | EARLIER | UNREAD

const FIRST_CAPACITY = 1024

/**
 * The held sessions, one slot each, in typed arrays: a grant or a release touches a few numbers and allocates
 * nothing that the garbage collector must trace. Slots are reused, last freed first, so that the journal's
 * hot pages stay few. The table also remembers which slots changed since the journal was last written.
 */
export class SlotTable<List extends SlotList = SlotList> {
  client: Int32Array = new Int32Array(FIRST_CAPACITY)
  application: Uint16Array = new Uint16Array(FIRST_CAPACITY)
  nonceHigh: Float64Array = new Float64Array(FIRST_CAPACITY)
  nonceLow: Float64Array = new Float64Array(FIRST_CAPACITY)
  /** Monotonic milliseconds since the machine's boot. */
  grantedAt: Float64Array = new Float64Array(FIRST_CAPACITY)

  #key: (string | undefined)[] = []
  /** Knows the keys of restored sessions, while there are such that were not asked for. */
  #earlier: Pick<EarlierSessions, 'keyOf'> | null = null
  #unread = 0
  #flags = new Uint8Array(FIRST_CAPACITY)
  #next = new Int32Array(FIRST_CAPACITY)
  #previous = new Int32Array(FIRST_CAPACITY)
  #list: (List | undefined)[] = []
  /** Slots above this one were never used. */
  #highest = 0
  readonly #free: number[] = []
  readonly #dirty: number[] = []
  #live = 0

  /** Number of held slots. */
  get live(): number {
    return this.#live
  }

  /** One more than the highest slot ever used. */
  get end(): number {
    return this.#highest
  }

  isLive(slot: number): boolean {
    return slot >= 0 && slot < this.#highest && (this.#flags[slot]! & LIVE) !== 0
  }

  /** The list that a held slot is on. */
  listOf(slot: number): List {
    return this.#list[slot]!
  }

  next(slot: number): number {
    return this.#next[slot]!
  }

  /** Whether a held slot is as `restore` found it in the journal: nobody was granted it or took it over since. */
  isRestored(slot: number): boolean {
    return (this.#flags[slot]! & RESTORED) !== 0
  }

  /** Whether a held slot was restored from the journal, whoever took it over since. */
  isEarlier(slot: number): boolean {
    return (this.#flags[slot]! & EARLIER) !== 0
  }

  /** The key of a held slot. */
  keyOf(slot: number): string {
    if ((this.#flags[slot]! & UNREAD) === 0) return this.#key[slot]!
    const key = this.#earlier!.keyOf(slot)
    this.#key[slot] = key
    this.#keyRead(slot)
    return key
  }

  setKey(slot: number, key: string): void {
    this.#key[slot] = key
  }

  /** Takes a free slot and puts it on `list`. The caller fills in the columns. */
  take(list: List): number {
    let slot = this.#free.pop()
    // What `takeThis` took is still among the free ones.
    while (slot !== undefined && this.isLive(slot)) slot = this.#free.pop()
    slot ??= this.#grow()
    this.#hold(slot, list)
    this.#touch(slot)
    return slot
  }

  /** As `take`, with this slot, which must be free. */
  takeThis(slot: number, list: List): void {
    while (this.#highest <= slot) this.#free.push(this.#grow())
    this.#hold(slot, list)
    this.#touch(slot)
  }

  /** Makes room for the slots that an earlier run held, and asks it for their keys when they are needed. */
  expect(earlier: Pick<EarlierSessions, 'keyOf' | 'end'>): void {
    this.#earlier = earlier
    this.#resize(earlier.end)
  }

  /** Puts a slot that the journal names back to where it was. Call `expect` before the first, `rebuildFree` after the last. */
  restore(slot: number, list: List): void {
    this.#unread++
    this.#hold(slot, list)
    this.#flags[slot] = LIVE | JOURNALED | KEPT_BY_JOURNAL
  }

  /** Collects the gaps that `restore` left. */
  rebuildFree(): void {
    this.#free.length = 0
    for (let slot = this.#highest - 1; slot >= 0; slot--) if (!this.isLive(slot)) this.#free.push(slot)
  }

  free(slot: number): void {
    this.#unlink(slot)
    if ((this.#flags[slot]! & UNREAD) !== 0) this.#keyRead(slot)
    this.#key[slot] = undefined
    this.#flags[slot] = this.#flags[slot]! & ~(LIVE | RESTORED | EARLIER)
    this.#live--
    this.#free.push(slot)
    this.#touch(slot)
  }

  /** Moves a held slot to another list. `touched` where the journal must learn of it. */
  move(slot: number, list: List, touched: boolean): void {
    this.#flags[slot] = this.#flags[slot]! & ~RESTORED
    this.#unlink(slot)
    this.#link(slot, list)
    if (touched) this.#touch(slot)
  }

  /** Whether a slot changed since the journal was last written. */
  get hasChanges(): boolean {
    return this.#dirty.length > 0
  }

  /** Calls `put` for each changed slot that is held, `remove` for each that the journal has and is not. */
  eachChange(put: (slot: number) => void, remove: (slot: number) => void): void {
    for (const slot of this.#dirty) {
      const flags = this.#flags[slot]!
      if ((flags & LIVE) !== 0) put(slot)
      else if ((flags & JOURNALED) !== 0) remove(slot)
    }
  }

  /** The journal has every change now. */
  changesWritten(): void {
    for (const slot of this.#dirty) this.#settle(slot)
    this.#dirty.length = 0
  }

  /** The journal was written anew: it holds just the slots that are held now. */
  journalReplaced(): void {
    for (let slot = 0; slot < this.#highest; slot++) this.#settle(slot)
    this.#dirty.length = 0
  }

  /** The journal has the slot as it is. */
  #settle(slot: number): void {
    const flags = this.#flags[slot]!
    this.#flags[slot] = (flags & LIVE) !== 0 ? (flags & KEPT_BY_JOURNAL) | LIVE | JOURNALED : 0
  }

  #hold(slot: number, list: List): void {
    this.#flags[slot] = this.#flags[slot]! | LIVE
    this.#live++
    this.#link(slot, list)
  }

  #touch(slot: number): void {
    const flags = this.#flags[slot]!
    if ((flags & DIRTY) !== 0) return
    this.#flags[slot] = flags | DIRTY
    this.#dirty.push(slot)
  }

  #link(slot: number, list: List): void {
    const head = list.head
    this.#next[slot] = head
    this.#previous[slot] = NONE
    if (head !== NONE) this.#previous[head] = slot
    list.head = slot
    list.size++
    this.#list[slot] = list
  }

  #unlink(slot: number): void {
    const list = this.#list[slot]!
    const next = this.#next[slot]!
    const previous = this.#previous[slot]!
    if (previous === NONE) list.head = next
    else this.#next[previous] = next
    if (next !== NONE) this.#previous[next] = previous
    list.size--
    this.#list[slot] = undefined
  }

  /** The key of that slot is known, or of no interest any more. The last one lets go of what the earlier run left. */
  #keyRead(slot: number): void {
    this.#flags[slot] = this.#flags[slot]! & ~UNREAD
    if (--this.#unread === 0) this.#earlier = null
  }

  #grow(): number {
    const slot = this.#highest++
    this.#key.push(undefined)
    this.#list.push(undefined)
    if (slot >= this.client.length) this.#widen(this.client.length * 2)
    return slot
  }

  /** As `#grow` until there are so many. */
  #resize(end: number): void {
    let capacity = this.client.length
    while (capacity < end) capacity *= 2
    if (capacity > this.client.length) this.#widen(capacity)
    this.#highest = end
    this.#key = new Array(end).fill(undefined)
    this.#list = new Array(end).fill(undefined)
  }

  #widen(capacity: number): void {
    const grown = <T extends Int32Array | Uint16Array | Uint8Array | Float64Array>(old: T, fresh: T): T => {
      fresh.set(old)
      return fresh
    }
    this.client = grown(this.client, new Int32Array(capacity))
    this.application = grown(this.application, new Uint16Array(capacity))
    this.nonceHigh = grown(this.nonceHigh, new Float64Array(capacity))
    this.nonceLow = grown(this.nonceLow, new Float64Array(capacity))
    this.grantedAt = grown(this.grantedAt, new Float64Array(capacity))
    this.#flags = grown(this.#flags, new Uint8Array(capacity))
    this.#next = grown(this.#next, new Int32Array(capacity))
    this.#previous = grown(this.#previous, new Int32Array(capacity))
  }
}
