import { openClient } from '../support/daemon.ts'
import type { RawClient, Reply } from '../support/raw-client.ts'
import { encodeFrame, OPCODE } from '../support/raw-websocket.ts'
import type { Site, TearDown } from '../support/site.ts'

/** A connection that takes and releases sessions by the batch, as cheaply as a test can. */
export class LoadClient {
  readonly #client: RawClient
  readonly #batch: number
  readonly #acquire: Buffer

  private constructor(client: RawClient, name: string, batch: number) {
    this.#client = client
    this.#batch = batch
    this.#acquire = this.#acquireFrame(name)
  }

  static async open(t: TearDown, site: Site, name: string, batch: number): Promise<LoadClient> {
    return new LoadClient(await openClient(t, site.socket), name, batch)
  }

  /** Takes a batch of sessions, always under the same keys, and releases them. */
  async pairs(): Promise<void> {
    this.#client.sendBytes(this.#acquire)
    const tokens = (await this.#replies()).map(({ result }) => result.token as string)
    this.#client.send(`[${tokens.map(releaseOf).join(',')}]`)
    for (const { result } of await this.#replies()) if (!result.released) throw new Error('not released')
  }

  /** Takes a batch of sessions under keys that begin with `name`, and keeps them. */
  async hold(name: string): Promise<void> {
    this.#client.sendBytes(this.#acquireFrame(name))
    for (const { result } of await this.#replies())
      if (!result.granted) throw new Error(JSON.stringify(result))
  }

  async inUse(): Promise<number> {
    return (await this.#client.call('status.get')).inUse
  }

  #acquireFrame(name: string): Buffer {
    const requests = Array.from(
      { length: this.#batch },
      (_, id) =>
        `{"jsonrpc":"2.0","id":${id},"method":"session.acquire","params":{"key":"${name}-${id}@10.0.0.7"}}`,
    )
    return encodeFrame(OPCODE.text, `[${requests.join(',')}]`)
  }

  async #replies(): Promise<Reply[]> {
    const replies = await this.#client.next()
    if (replies.length !== this.#batch) throw new Error(JSON.stringify(replies).slice(0, 500))
    return replies
  }
}

function releaseOf(token: string, id: number): string {
  return `{"jsonrpc":"2.0","id":${id},"method":"session.release","params":{"token":"${token}"}}`
}
