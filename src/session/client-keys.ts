import type { Client } from './client-table.ts'
import { NONE, type SlotList, type SlotTable } from './slot-table.ts'

/**
 * Which session of a client has which key. Where two have one key, it names the first. The keys of a client of an
 * earlier run are read when it asks for one: most never do, and a restart need not wait for them.
 */
export class ClientKeys<List extends SlotList> {
  readonly #slots: SlotTable<List>

  constructor(slots: SlotTable<List>) {
    this.#slots = slots
  }

  /** The slot of the client's session of that key; undefined where it has none. */
  slotOf(client: Client, key: string): number | undefined {
    return (client.byKey ?? this.#readAll(client)).get(key)
  }

  note(client: Client, slot: number): void {
    const { byKey } = client
    if (byKey === null) return
    const key = this.#slots.keyOf(slot)
    if (byKey.has(key)) client.sharesKeys = true
    else byKey.set(key, slot)
  }

  forget(client: Client, slot: number): void {
    const { byKey } = client
    if (byKey === null) return
    const key = this.#slots.keyOf(slot)
    if (byKey.get(key) !== slot) return
    // Another session may have this key. That is rare, and they are read again when the client asks for one.
    if (client.sharesKeys) client.byKey = null
    else byKey.delete(key)
  }

  #readAll(client: Client): Map<string, number> {
    const byKey = new Map<string, number>()
    let count = 0
    for (const list of [client.held, ...client.cohorts]) {
      for (let slot = list.head; slot !== NONE; slot = this.#slots.next(slot), count++)
        this.#noteOlder(byKey, slot)
    }
    client.sharesKeys = byKey.size < count
    client.byKey = byKey
    return byKey
  }

  /** The lists are in no order of time, and the first of two is the older. */
  #noteOlder(byKey: Map<string, number>, slot: number): void {
    const { grantedAt } = this.#slots
    const key = this.#slots.keyOf(slot)
    const known = byKey.get(key)
    if (known === undefined || grantedAt[slot]! < grantedAt[known]!) byKey.set(key, slot)
  }
}
