import { setTimeout as sleep } from 'node:timers/promises'
import { SessionClient } from '../../src/client/index.ts'
import type { Seeded } from '../storm/seeded.ts'
import type { Latencies } from './sampler.ts'

const CLIENTS = 4
const TICK_MS = 10
/** A machine that stands still for a while is no fault of the daemon: it shows as latency. */
const PATIENCE = {
  acquireTimeoutMs: 30_000,
  closeTimeoutMs: 30_000,
  silenceTimeoutMs: 30_000,
  handshakeTimeoutMs: 30_000,
}

export interface CallsOptions {
  readonly socketPath: string
  /** Calls a second that begin. */
  readonly rate: number
  readonly meanHoldMs: number
  readonly random: Seeded
  readonly latencies: Latencies
}

/** Calls that come at a rate and last for exponentially distributed times, carried by the client library. */
export class Calls {
  readonly counts = { asked: 0, granted: 0, denied: 0, released: 0, lost: 0 }
  readonly #options: CallsOptions
  readonly #clients: SessionClient[]
  readonly #going = new Set<Promise<void>>()
  readonly #faults: unknown[] = []

  constructor(options: CallsOptions) {
    this.#options = options
    const { socketPath } = options
    this.#clients = Array.from(
      { length: CLIENTS },
      (_, index) =>
        new SessionClient({
          ...PATIENCE,
          socketPath,
          clientId: `soak-${index}`,
          application: `app-${index % 2}`,
        }),
    )
    for (const client of this.#clients) client.on('sessionLost', () => this.counts.lost++)
  }

  /** Begins calls at the rate until `isOver`, and waits until the last one has ended. */
  async run(isOver: () => boolean): Promise<void> {
    const { rate } = this.#options
    // Each is connected before the first call.
    for (const client of this.#clients) await client.status()
    const startedAt = performance.now()
    while (!isOver() && this.#faults.length === 0) {
      const due = Math.floor(((performance.now() - startedAt) / 1000) * rate)
      while (this.counts.asked < due) this.#begin()
      await sleep(TICK_MS)
    }
    await Promise.all(this.#going)
    if (this.#faults.length > 0) throw this.#faults[0]
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map(client => client.close()))
  }

  #begin(): void {
    const client = this.#clients[this.counts.asked++ % CLIENTS]!
    const call = this.#call(client)
      .catch(fault => void this.#faults.push(fault))
      .finally(() => this.#going.delete(call))
    this.#going.add(call)
  }

  async #call(client: SessionClient): Promise<void> {
    const { latencies, random, meanHoldMs } = this.#options
    const askedAt = performance.now()
    const outcome = await client.acquire()
    latencies.take(performance.now() - askedAt)
    if (!outcome.granted) {
      this.counts.denied++
      return
    }
    this.counts.granted++
    await sleep(random.exponential(meanHoldMs))
    if (await outcome.session.release()) this.counts.released++
  }
}
