import type { Tally } from '../../exposition.ts'

/** How long something took, counted by buckets in plain numbers: many observations cost no more than one. */
export class DurationTally implements Tally {
  readonly bounds: readonly number[]
  readonly counts: number[]
  sum = 0

  /** @param bounds upper bounds of the buckets in seconds, from the smallest */
  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = [...bounds, Infinity].map(() => 0)
  }

  /** So many took so long. */
  record(ms: number, times = 1): void {
    const seconds = ms / 1000
    let bucket = 0
    while (bucket < this.bounds.length && seconds > this.bounds[bucket]!) bucket++
    this.counts[bucket]! += times
    this.sum += seconds * times
  }
}
