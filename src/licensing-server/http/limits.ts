import { hash, randomBytes } from 'node:crypto'
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

/** One that may go to the service; whoever was told so calls `settle` once, when it is known what the key was. */
export type KeyVerdict =
  | { ok: true; settle: (wasWrong: boolean) => void }
  | Exclude<LimitVerdict, { ok: true }>

/** In so long those are judged that an address has under way. */
const underWayMs = 1000

/**
 * Who may ask how often. Each server counts for itself, in memory: behind a load balancer, n servers let
 * through up to n times as much. That is sound, since no limit here guards a secret by itself: an
 * installation key has 85 random bits.
 */
export class Limits {
  readonly #perAddress: RateLimit
  readonly #perKey: RateLimit
  readonly #wrongKeys: RateLimit
  /** How many keys each address has under way: no more addresses than requests that are being answered. */
  readonly #underWay = new Map<string, number>()
  readonly #now: () => number
  /** Keys are counted by a hash that means nothing outside of this process. */
  readonly #salt = randomBytes(16).toString('base64')

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
   * header of the request. From an address that has guessed too often no key is tried at all; a key that is under
   * way counts as a wrong one until it is settled, so that guesses which come all at once are not all looked at.
   */
  admitKey(address: string, request: string, installationKey: string): KeyVerdict {
    const typed = plainKey(installationKey)
    const settle = typed === '' ? () => {} : this.#beginTrial(address)
    if (typeof settle !== 'function') return settle
    const name = typed === '' ? `machine ${request.trim().split('.', 1)[0]}` : `key ${typed}`
    const counted = hash('sha256', this.#salt + name, 'base64')
    const verdict = named('key', this.#perKey.take(counted, this.#now()))
    if (verdict.ok) return { ok: true, settle }
    settle(false)
    return verdict
  }

  #beginTrial(address: string): ((wasWrong: boolean) => void) | Exclude<LimitVerdict, { ok: true }> {
    const verdict = this.#wrongKeys.take(address, this.#now())
    const underWay = this.#underWay.get(address) ?? 0
    if (!verdict.ok) {
      const { retryInMs } = verdict
      // What is under way may be right: then the next one is not refused for long, nor for guessing.
      if (underWay > 0) return { ok: false, limit: 'address', retryInMs: Math.min(retryInMs, underWayMs) }
      return { ok: false, limit: 'wrong-keys', retryInMs }
    }
    this.#underWay.set(address, underWay + 1)
    return wasWrong => {
      const left = this.#underWay.get(address)! - 1
      if (left === 0) this.#underWay.delete(address)
      else this.#underWay.set(address, left)
      if (!wasWrong) this.#wrongKeys.refund(address, this.#now())
    }
  }
}

/** The same for every way in which people may type one key, so that it has one count. */
function plainKey(typed: string): string {
  if (typed === '') return ''
  return typed.replace(/[\s-]/g, '').toUpperCase().replace(/[IL]/g, '1').replaceAll('O', '0')
}

function named(limit: LimitName, verdict: RateVerdict): LimitVerdict {
  return verdict.ok ? verdict : { ok: false, limit, retryInMs: verdict.retryInMs }
}
