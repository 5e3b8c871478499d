/**
 * The generic cell rate algorithm, as letsencrypt/boulder uses it: one number for each key says until when what
 * has come already is "used up". A burst is let through at once, then requests pass at an even rate; there is
 * no window at whose edge twice the quota passes.
 */
export interface Quota {
  /** Most that may come at once. */
  burst: number
  /** How fast it fills up again. */
  perHour: number
}

export type RateVerdict = { ok: true } | { ok: false; retryInMs: number }

const hourMs = 3_600_000

/** Keys looked at for each new one when the table is full: enough to find the idle ones little by little. */
const sweepLength = 8

/** Counts many keys against one quota, in bounded memory. `now` in milliseconds, of a clock that never steps. */
export class RateLimit {
  readonly #intervalMs: number
  readonly #burstMs: number
  readonly #maxKeys: number
  /** Until when a key has used up what it may have; the one used longest ago comes first. */
  readonly #usedUntil = new Map<string, number>()

  constructor(quota: Quota, maxKeys: number) {
    this.#intervalMs = hourMs / quota.perHour
    this.#burstMs = quota.burst * this.#intervalMs
    this.#maxKeys = maxKeys
  }

  /** How many keys are counted now. */
  get size(): number {
    return this.#usedUntil.size
  }

  /** Whether one more may come; nothing is counted. */
  look(key: string, now: number): RateVerdict {
    const next = this.#next(key, now)
    const retryInMs = next - now - this.#burstMs
    // Sums of fractions of milliseconds miss the edge by a hair.
    return retryInMs < 1e-6 ? { ok: true } : { ok: false, retryInMs }
  }

  /** Counts one if it may come. What is refused is not counted: whoever waits gets in. */
  take(key: string, now: number): RateVerdict {
    const verdict = this.look(key, now)
    if (verdict.ok) this.charge(key, now)
    return verdict
  }

  /** Counts one that has come, whether it might or not. */
  charge(key: string, now: number): void {
    const next = Math.min(this.#next(key, now), now + this.#burstMs)
    this.#usedUntil.delete(key)
    if (this.#usedUntil.size >= this.#maxKeys) this.#makeRoom(now)
    this.#usedUntil.set(key, next)
  }

  /** Takes back one that was counted and should not have been. */
  refund(key: string, now: number): void {
    const usedUntil = this.#usedUntil.get(key)
    if (usedUntil === undefined) return
    if (usedUntil - this.#intervalMs <= now) this.#usedUntil.delete(key)
    else this.#usedUntil.set(key, usedUntil - this.#intervalMs)
  }

  #next(key: string, now: number): number {
    return Math.max(this.#usedUntil.get(key) ?? now, now) + this.#intervalMs
  }

  /** Forgets keys that are as good as new; where there is none among those used longest ago, the first of them. */
  #makeRoom(now: number): void {
    let looked = 0
    for (const [key, usedUntil] of this.#usedUntil) {
      if (looked++ >= sweepLength) break
      if (usedUntil <= now || looked === 1) this.#usedUntil.delete(key)
    }
  }
}
