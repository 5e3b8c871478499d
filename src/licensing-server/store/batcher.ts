import { setImmediate } from 'node:timers/promises'

interface Waiting<Item, Outcome> {
  item: Item
  resolve(outcome: Outcome): void
  reject(error: unknown): void
}

/**
 * Gathers what is asked for in one turn, and while a batch is under way, and carries it out in the next batch: many
 * requests share the price of one round trip and one fsync. Each item has its own outcome; an Error among the
 * outcomes rejects that item alone, and a batch that throws rejects all of its items.
 */
export class Batcher<Item, Outcome> {
  readonly #carryOut: (items: Item[]) => Promise<(Outcome | Error)[]>
  readonly #most: number
  readonly #waiting: Waiting<Item, Outcome>[] = []
  #running: Promise<void> | null = null

  /** `most`: items of one batch. */
  constructor(most: number, carryOut: (items: Item[]) => Promise<(Outcome | Error)[]>) {
    this.#most = most
    this.#carryOut = carryOut
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
      const batch = this.#waiting.splice(0, this.#most)
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
