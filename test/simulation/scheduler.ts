interface Event {
  readonly at: number
  readonly order: number
  readonly act: () => void | Promise<void>
}

/** More hops than any chain of promises in the client takes. */
const MICROTASKS = 4

/** More events than any history needs: one that goes on for ever is a fault of its own. */
const MAX_EVENTS = 50_000

/** Simulated time: what is due next happens next, and nothing happens but by it. */
export class Scheduler {
  /** Milliseconds since the machine's boot. */
  now = 1_000_000
  #events: Event[] = []
  #order = 0
  #count = 0

  at(instant: number, act: Event['act']): void {
    const event = { at: Math.max(instant, this.now), order: this.#order++, act }
    let [low, high] = [0, this.#events.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#events[middle]!.at > event.at) low = middle + 1
      else high = middle
    }
    this.#events.splice(low, 0, event)
  }

  after(ms: number, act: Event['act']): void {
    this.at(this.now + ms, act)
  }

  /** Lets happen what is due until then, each with all that promises make of it. */
  async run(until: number): Promise<void> {
    for (;;) {
      const next = this.#events.at(-1)
      if (next === undefined || next.at > until) break
      this.#events.pop()
      this.now = next.at
      if (++this.#count > MAX_EVENTS) throw new Error('The history does not come to rest.')
      const done = next.act()
      if (done !== undefined) await done
      for (let hop = 0; hop < MICROTASKS; hop++) await null
    }
    this.now = until
  }
}
