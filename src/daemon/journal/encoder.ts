import type { ClientRecord } from '../../session/client-table.ts'
import type { RecordSink } from '../../session/records.ts'
import { HEADER_BYTES, RECORD, writeHeader } from './block.ts'
import type { JournalOrigin } from './content.ts'

const CAPACITY = 64 * 1024
/** A turn that needed more gives its memory back. */
const MAX_KEPT = 4 * 1024 * 1024
/** Of a record of a session, without its texts. */
const SESSION_BYTES = 33
/** No character of a JavaScript string needs more bytes in UTF-8. */
const MAX_BYTES_PER_UNIT = 3

/** Puts records together to a block. Its memory is used again for the next. */
export class BlockEncoder implements RecordSink {
  #bytes: Buffer = Buffer.allocUnsafeSlow(CAPACITY)
  #end = HEADER_BYTES

  get isEmpty(): boolean {
    return this.#end === HEADER_BYTES
  }

  /** The block of what was put since the last call. It is good until the next record is put. */
  finish(): Buffer {
    const block = this.#bytes.subarray(0, this.#end)
    writeHeader(block)
    this.discard()
    return block
  }

  /** Forgets what was put since the last call of `finish`. */
  discard(): void {
    this.#end = HEADER_BYTES
    if (this.#bytes.length > MAX_KEPT) this.#bytes = Buffer.allocUnsafeSlow(CAPACITY)
  }

  putOrigin(origin: JournalOrigin): void {
    this.#json(RECORD.origin, origin)
  }

  putClient({ index, identity, label, process }: ClientRecord): void {
    this.#json(RECORD.clientPut, { index, identity, label, process })
  }

  removeClient(index: number): void {
    this.#number(RECORD.clientRemoved, index)
  }

  removeSession(slot: number): void {
    this.#number(RECORD.sessionRemoved, slot)
  }

  putSession(
    slot: number,
    client: number,
    application: string,
    key: string,
    nonceHigh: number,
    nonceLow: number,
    grantedAt: number,
  ): void {
    this.#reserve(SESSION_BYTES + (application.length + key.length) * MAX_BYTES_PER_UNIT)
    const bytes = this.#bytes
    const at = this.#end
    bytes[at] = RECORD.sessionPut
    bytes.writeUInt32LE(slot, at + 1)
    bytes.writeUInt32LE(client, at + 5)
    bytes.writeDoubleLE(grantedAt, at + 9)
    bytes.writeUIntLE(nonceHigh, at + 17, 6)
    bytes.writeUIntLE(nonceLow, at + 23, 6)
    this.#end = at + 29
    this.#text(application)
    this.#text(key)
  }

  #text(text: string): void {
    const written = this.#bytes.write(text, this.#end + 2, 'utf8')
    this.#bytes.writeUInt16LE(written, this.#end)
    this.#end += 2 + written
  }

  #number(kind: number, value: number): void {
    this.#reserve(5)
    this.#bytes[this.#end] = kind
    this.#bytes.writeUInt32LE(value, this.#end + 1)
    this.#end += 5
  }

  #json(kind: number, value: unknown): void {
    const text = JSON.stringify(value)
    this.#reserve(5 + text.length * MAX_BYTES_PER_UNIT)
    this.#bytes[this.#end] = kind
    const written = this.#bytes.write(text, this.#end + 5, 'utf8')
    this.#bytes.writeUInt32LE(written, this.#end + 1)
    this.#end += 5 + written
  }

  #reserve(needed: number): void {
    if (this.#end + needed <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow((this.#end + needed) * 2)
    this.#bytes.copy(larger, 0, 0, this.#end)
    this.#bytes = larger
  }
}
