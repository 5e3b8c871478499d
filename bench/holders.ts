import { RawClient } from '../test/support/raw-client.ts'

const BATCH = 500

/** Connections that hold sessions, as call processes do. Every session has a key of its own. */
export class Holders {
  readonly #clients: RawClient[] = []
  #held = 0

  get held(): number {
    return this.#held
  }

  /** Takes sessions until so many are held, by as many more connections as that needs. */
  async holdUntil(count: number, socket: string, perConnection: number): Promise<void> {
    while (this.#held < count) {
      const client = await RawClient.open({ path: socket })
      this.#clients.push(client)
      const most = Math.min(this.#held + perConnection, count)
      while (this.#held < most) {
        const size = Math.min(BATCH, most - this.#held)
        await client.acquireAll(Array.from({ length: size }, (_, n) => `held-${this.#held + n}@10.0.0.7`))
        this.#held += size
      }
    }
  }

  async leave(): Promise<void> {
    await Promise.all(this.#clients.splice(0).map(client => client.cut()))
  }
}
