import type { Connection } from './connection.ts'
import { OutBuffer } from './out-buffer.ts'

export interface TurnOptions {
  /** Monotonic milliseconds. */
  readonly now: () => number
  /** Makes the changes of the turn durable. Comes before any reply of the turn leaves. */
  readonly commit: () => void
  /** All replies of a turn that began at that time were written. */
  readonly onSent: (beganAt: number) => void
  readonly maxBufferedBytes: number
  /** More than `maxBufferedBytes` wait to be read by the peer of this connection. */
  readonly onSlowReader: (connection: Connection) => void
}

/**
 * One turn of the event loop: what the sockets had to say is carried out as it is read; then, when all of it
 * was read, the changes are committed once; then the replies leave, in one write for each connection.
 *
 * libuv reads from every ready socket before it runs the immediates, so one immediate is the end of the input.
 */
export class Turn {
  readonly #options: TurnOptions
  readonly #out = new OutBuffer()
  #speakers: Connection[] = []
  #spare: Connection[] = []
  #scheduled = false
  #now = 0
  readonly #end = () => this.finish()

  constructor(options: TurnOptions) {
    this.#options = options
  }

  /** Something happens: the turn ends when the input that is there was read. Gives the time of the turn. */
  begin(): number {
    if (this.#scheduled) return this.#now
    this.#scheduled = true
    this.#now = this.#options.now()
    setImmediate(this.#end)
    return this.#now
  }

  /** The connection has something to send when the turn ends. */
  speaks(connection: Connection): void {
    this.#speakers.push(connection)
  }

  /** Commits, then sends. */
  finish(): void {
    this.#scheduled = false
    this.#options.commit()
    const speakers = this.#speakers
    this.#speakers = this.#spare
    for (const connection of speakers) {
      connection.addFrames(this.#out)
      this.#out.sendTo(connection.socket)
      const { maxBufferedBytes, onSlowReader } = this.#options
      if (connection.socket.writableLength > maxBufferedBytes) onSlowReader(connection)
    }
    this.#options.onSent(this.#now)
    this.#out.rewind()
    speakers.length = 0
    this.#spare = speakers
  }
}
