import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DgramSocket } from 'node-unix-socket'
import type { TearDown } from '../support/site.ts'
import { until } from '../support/until.ts'

/** A socket such as systemd's, that hears what services say of themselves. */
export class Receiver {
  readonly path: string
  readonly messages: string[] = []
  readonly #socket = new DgramSocket()

  constructor(t: TearDown) {
    const folder = mkdtempSync(join(tmpdir(), 'sessiond-notify-'))
    this.path = join(folder, 'notify')
    this.#socket.bind(this.path)
    this.#socket.on('data', (bytes: Buffer) => this.messages.push(String(bytes)))
    t.teardown(() => {
      this.#socket.close()
      rmSync(folder, { recursive: true, force: true })
    })
  }

  /** Waits for a message that holds the text, after the first `skip` messages; gives it. */
  heard(text: string, skip = 0): Promise<string> {
    return until(
      `a message "${text}" among ${JSON.stringify(this.messages)}`,
      () => this.messages.slice(skip).find(message => message.includes(text)),
      20_000,
    )
  }
}
