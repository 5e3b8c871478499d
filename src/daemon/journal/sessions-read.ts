import type { EarlierSessions } from '../../session/records.ts'
import { RECORD } from './block.ts'

const MAX_INDEX = 2 ** 24
const FIRST_CAPACITY = 1024

/** Where in a record what is, from the byte of its kind on; see block.ts. */
const CLIENT = 5
const GRANTED_AT = 9
const NONCE_HIGH = 17
const NONCE_LOW = 23
const APPLICATION = 29
const LENGTH_BYTES = 2

/** What is kept in memory for the sake of keys may be that many times as long as the records that hold. */
const DEAD_WEIGHT = 4
const LITTLE_BYTES = 64 * 1024

/**
 * The sessions of a journal, left where they lie: of each slot it is known where its last record begins. Everything
 * here is a loop over numbers, since a restart with a hundred thousand sessions waits for it, and waits longest
 * before it is compiled.
 */
export class SessionsRead implements EarlierSessions {
  #bytes: Buffer
  #view: DataView
  /** Where the record of a slot begins; 0 where it has none. */
  #at = new Uint32Array(FIRST_CAPACITY)
  #end = 0
  #count = 0
  #puts = 0
  #putBytes = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
    this.#view = viewOf(bytes)
  }

  get end(): number {
    return this.#end
  }

  get count(): number {
    return this.#count
  }

  /** About as many bytes as the records that hold have. */
  get heldBytes(): number {
    return this.#puts === 0 ? 0 : Math.ceil((this.#putBytes / this.#puts) * this.#count)
  }

  /** Carries out the record of a session that is put there. Gives where it ends; 0 where it is none. */
  put(at: number, end: number): number {
    const view = this.#view
    const application = at + APPLICATION
    if (application + LENGTH_BYTES > end) return 0
    const key = application + LENGTH_BYTES + view.getUint16(application, true)
    if (key + LENGTH_BYTES > end) return 0
    const next = key + LENGTH_BYTES + view.getUint16(key, true)
    if (next > end) return 0
    const slot = view.getUint32(at + 1, true)
    if (slot >= MAX_INDEX || view.getUint32(at + CLIENT, true) >= MAX_INDEX) return 0
    if (!Number.isFinite(view.getFloat64(at + GRANTED_AT, true))) return 0
    if (slot >= this.#at.length) this.#grow(slot)
    if (this.#at[slot] === 0) this.#count++
    this.#at[slot] = at
    if (slot >= this.#end) this.#end = slot + 1
    this.#puts++
    this.#putBytes += next - at
    return next
  }

  remove(slot: number): void {
    if (slot >= this.#end || this.#at[slot] === 0) return
    this.#at[slot] = 0
    this.#count--
  }

  each(visit: Parameters<EarlierSessions['each']>[0]): void {
    const view = this.#view
    const places = this.#at
    // Names of applications are few: one string for each, and none to be looked for while it stays the same.
    const names = new Map<string, string>()
    let name = ''
    let nameAt = 0
    for (let slot = 0; slot < this.#end; slot++) {
      const at = places[slot]!
      if (at === 0) continue
      if (nameAt === 0 || !this.#sameText(nameAt, at + APPLICATION)) {
        nameAt = at + APPLICATION
        const read = this.#text(nameAt)
        name = names.get(read) ?? read
        if (name === read) names.set(read, read)
      }
      visit(
        slot,
        view.getUint32(at + CLIENT, true),
        name,
        view.getUint32(at + NONCE_HIGH, true) + view.getUint16(at + NONCE_HIGH + 4, true) * 2 ** 32,
        view.getUint32(at + NONCE_LOW, true) + view.getUint16(at + NONCE_LOW + 4, true) * 2 ** 32,
        view.getFloat64(at + GRANTED_AT, true),
      )
    }
  }

  keyOf(slot: number): string {
    const application = this.#at[slot]! + APPLICATION
    return this.#text(application + LENGTH_BYTES + this.#view.getUint16(application, true))
  }

  /** Keeps no more of a file in memory than its records are worth: it may have been written for hours. */
  trim(): void {
    const held = this.heldBytes
    if (this.#bytes.length <= held * DEAD_WEIGHT + LITTLE_BYTES) return
    const records: Buffer[] = [Buffer.of(RECORD.sessionPut)]
    let length = 1
    for (let slot = 0; slot < this.#end; slot++) {
      const at = this.#at[slot]!
      if (at === 0) continue
      const record = this.#bytes.subarray(at, this.#endOf(at))
      records.push(record)
      this.#at[slot] = length
      length += record.length
    }
    this.#bytes = Buffer.concat(records, length)
    this.#view = viewOf(this.#bytes)
  }

  #endOf(at: number): number {
    const application = at + APPLICATION
    const key = application + LENGTH_BYTES + this.#view.getUint16(application, true)
    return key + LENGTH_BYTES + this.#view.getUint16(key, true)
  }

  #sameText(one: number, other: number): boolean {
    const bytes = this.#bytes
    const length = LENGTH_BYTES + this.#view.getUint16(one, true)
    for (let index = 0; index < length; index++) {
      if (bytes[one + index] !== bytes[other + index]) return false
    }
    return true
  }

  #text(at: number): string {
    const start = at + LENGTH_BYTES
    return this.#bytes.toString('utf8', start, start + this.#view.getUint16(at, true))
  }

  #grow(slot: number): void {
    let capacity = this.#at.length
    while (capacity <= slot) capacity *= 2
    const larger = new Uint32Array(capacity)
    larger.set(this.#at)
    this.#at = larger
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Buffer): DataView {
  return new DataView(buffer, byteOffset, byteLength)
}
