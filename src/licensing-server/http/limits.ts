import { createHash, randomBytes } from 'node:crypto'
import { type Quota, RateLimit, type RateVerdict } from './rate-limit.ts'

export interface LimitOptions {
  perAddress: Quota
  perKey: Quota
  wrongKeys: Quota
  maxTracked: number
}

/** What was exceeded; also the label of a metric. */
export type LimitName = 'address' | 'key' | 'wrong-keys'

export type LimitVerdict = { ok: true } | { ok: false; limit: LimitName; retryInMs: number }

/**
 * Who may ask how often. Each server counts for itself, in memory: behind a load balancer, n servers let
 * through up to n times as much. That is sound, since no limit here guards a secret by itself: an
 * installation key has 85 random bits.
 */
export class Limits {
  readonly #perAddress: RateLimit
  readonly #perKey: RateLimit
  readonly #wrongKeys: RateLimit
  readonly #now: () => number
  /** Keys are counted by a hash that means nothing outside of this process. */
  readonly #salt = randomBytes(16)

  /** `now` is monotonic, in milliseconds. */
  constructor(options: LimitOptions, now: () => number) {
    const { perAddress, perKey, wrongKeys, maxTracked } = options
    this.#perAddress = new RateLimit(perAddress, maxTracked)
    this.#perKey = new RateLimit(perKey, maxTracked)
    this.#wrongKeys = new RateLimit(wrongKeys, maxTracked)
    this.#now = now
  }

  /** Before anything of a request is read. */
  admitAddress(address: string): LimitVerdict {
    return named('address', this.#perAddress.take(address, this.#now()))
  }

  /**
   * Before a request goes to the service. It is counted by its installation key, whole, so that nobody who
   * does not know the key uses up what is its owner's; without one by the machine's key, which stands in the
   * header of the request. From an address that has guessed too often no key is tried at all.
   */
  admitKey(address: string, request: string, installationKey: string): LimitVerdict {
    const now = this.#now()
    const typed = installationKey.replace(/[\s-]/g, '').toUpperCase()
    if (typed !== '') {
      const guesses = this.#wrongKeys.look(address, now)
      if (!guesses.ok) return named('wrong-keys', guesses)
    }
    const name = typed === '' ? `machine ${request.trim().split('.', 1)[0]}` : `key ${typed}`
    const hash = createHash('sha256').update(this.#salt).update(name).digest('base64')
    return named('key', this.#perKey.take(hash, now))
  }

  /** The address has shown a key that there is not. */
  chargeWrongKey(address: string): void {
    this.#wrongKeys.charge(address, this.#now())
  }
}

function named(limit: LimitName, verdict: RateVerdict): LimitVerdict {
  return verdict.ok ? verdict : { ok: false, limit, retryInMs: verdict.retryInMs }
}
