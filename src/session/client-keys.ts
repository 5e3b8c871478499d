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

  note({ byKey }: Client, slot: number): void {
    if (byKey === null) return
    const key = this.#slots.keyOf(slot)
    if (!byKey.has(key)) byKey.set(key, slot)
  }

  forget({ byKey }: Client, slot: number): void {
    if (byKey === null) return
    const key = this.#slots.keyOf(slot)
    if (byKey.get(key) === slot) byKey.delete(key)
  }

  #readAll(client: Client): Map<string, number> {
    client.byKey = new Map()
    for (const list of [client.held, ...client.cohorts]) {
      for (let slot = list.head; slot !== NONE; slot = this.#slots.next(slot))
        this.#noteOlder(client.byKey, slot)
    }
    return client.byKey
  }

  /** The lists are in no order of time, and the first of two is the older. */
  #noteOlder(byKey: Map<string, number>, slot: number): void {
    const { grantedAt } = this.#slots
    const key = this.#slots.keyOf(slot)
    const known = byKey.get(key)
    if (known === undefined || grantedAt[slot]! < grantedAt[known]!) byKey.set(key, slot)
  }
}
