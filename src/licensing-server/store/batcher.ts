import { setImmediate } from 'node:timers/promises'

interface Waiting<Item, Outcome> {
  item: Item
  resolve(outcome: Outcome): void
  reject(error: unknown): void
}

/** How far batches are apart under load, in milliseconds. */
export interface Pace {
  usualMs: number
  /** While those who use what the batches bring have little left to do: see `hurry`. */
  hurriedMs: number
}

const noPace: Pace = { usualMs: 0, hurriedMs: 0 }

/**
 * Gathers what is asked for in one turn, and while a batch is under way, and carries it out in the next batch: many
 * requests share the price of one round trip and one fsync. Each item has its own outcome; an Error among the
 * outcomes rejects that item alone, and a batch that throws rejects all of its items.
 *
 * After a batch of several the next one begins a pace later at the soonest: under load, what is asked for in that
 * time goes together. Whoever comes alone, one after the other, waits for nobody.
 */
export class Batcher<Item, Outcome> {
  readonly #carryOut: (items: Item[]) => Promise<(Outcome | Error)[]>
  readonly #most: number
  readonly #waiting: Waiting<Item, Outcome>[] = []
  readonly #pace: Pace
  #running: Promise<void> | null = null
  /** When the batch before began, of the monotonic clock, if that was one of several. */
  #pacedFrom: number | null = null
  #isHurried = true
  /** Looks again at how long is to be waited. */
  #wake: (() => void) | null = null

  /** `most`: items of one batch. */
  constructor(most: number, carryOut: (items: Item[]) => Promise<(Outcome | Error)[]>, pace: Pace = noPace) {
    this.#most = most
    this.#carryOut = carryOut
    this.#pace = pace
  }

  add(item: Item): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** From now on the next batch begins at the hurried pace, or at the usual one. */
  hurry(isHurried: boolean): void {
    this.#isHurried = isHurried
    if (isHurried) this.#wake?.()
  }

  /** Resolves when nothing waits. */
  async idle(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    await setImmediate()
    while (this.#waiting.length > 0) {
      for (let restMs = this.#restMs(); restMs > 0; restMs = this.#restMs()) await this.#rest(restMs)
      const batch = this.#waiting.splice(0, this.#most)
      this.#pacedFrom = batch.length > 1 ? performance.now() : null
      try {
        settle(batch, await this.#carryOut(batch.map(({ item }) => item)))
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    this.#running = null
  }

  #restMs(): number {
    if (this.#pacedFrom === null) return 0
    const { usualMs, hurriedMs } = this.#pace
    return this.#pacedFrom + (this.#isHurried ? hurriedMs : usualMs) - performance.now()
  }

  async #rest(restMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>(resolve => {
      timer = setTimeout(resolve, restMs)
      this.#wake = resolve
    })
    clearTimeout(timer)
    this.#wake = null
  }
}

function settle<Item, Outcome>(batch: Waiting<Item, Outcome>[], outcomes: (Outcome | Error)[]): void {
  for (const [index, { resolve, reject }] of batch.entries()) {
    const outcome = outcomes[index] as Outcome | Error
    if (outcome instanceof Error) reject(outcome)
    else resolve(outcome)
  }
}
