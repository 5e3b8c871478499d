import { setImmediate, setTimeout } from 'node:timers/promises'

interface Waiting<Item, Outcome> {
  item: Item
  resolve(outcome: Outcome): void
  reject(error: unknown): void
}

/**
 * Gathers what is asked for in one turn, and while a batch is under way, and carries it out in the next batch: many
 * requests share the price of one round trip and one fsync. Each item has its own outcome; an Error among the
 * outcomes rejects that item alone, and a batch that throws rejects all of its items.
 *
 * After a batch of several the next one begins `paceMs` later at the soonest: under load, what is asked for in that
 * time goes together. Whoever comes alone, one after the other, waits for nobody.
 */
export class Batcher<Item, Outcome> {
  readonly #carryOut: (items: Item[]) => Promise<(Outcome | Error)[]>
  readonly #most: number
  readonly #waiting: Waiting<Item, Outcome>[] = []
  readonly #paceMs: number
  #running: Promise<void> | null = null
  /** When the next batch may begin, of the monotonic clock. */
  #nextAt = 0

  /** `most`: items of one batch. */
  constructor(most: number, carryOut: (items: Item[]) => Promise<(Outcome | Error)[]>, paceMs = 0) {
    this.#most = most
    this.#carryOut = carryOut
    this.#paceMs = paceMs
  }

  add(item: Item): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** Resolves when nothing waits. */
  async idle(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    await setImmediate()
    while (this.#waiting.length > 0) {
      const restMs = this.#nextAt - performance.now()
      if (restMs > 0) await setTimeout(restMs)
      const batch = this.#waiting.splice(0, this.#most)
      this.#nextAt = batch.length > 1 ? performance.now() + this.#paceMs : 0
      try {
        settle(batch, await this.#carryOut(batch.map(({ item }) => item)))
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    this.#running = null
  }
}

function settle<Item, Outcome>(batch: Waiting<Item, Outcome>[], outcomes: (Outcome | Error)[]): void {
  for (const [index, { resolve, reject }] of batch.entries()) {
    const outcome = outcomes[index] as Outcome | Error
    if (outcome instanceof Error) reject(outcome)
    else resolve(outcome)
  }
}
