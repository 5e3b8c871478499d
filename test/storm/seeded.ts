/** Random numbers that come again with the same seed (mulberry32). */
export class Seeded {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 up to 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  below(end: number): number {
    return Math.floor(this.next() * end)
  }

  /** Short ones as often as long ones: each tenfold from `low` to `high` is as likely. */
  spread(low: number, high: number): number {
    return low * (high / low) ** this.next()
  }

  /** Exponentially distributed, as the lengths of calls are. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.next())
  }
}
