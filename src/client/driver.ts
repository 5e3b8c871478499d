import { Fault, messageOf } from '../errors.ts'
import { Connection } from './connection.ts'
import { ClientCore, type CorePort } from './core.ts'
import type { ClientEvents } from './events.ts'
import type { Settings } from './options.ts'

/** Fewer requests would cost more in writes than the daemon gains by beginning earlier. */
const PART_LENGTH = 32

/** No timer of Node reaches further. */
const MAX_TIMER_MS = 2 ** 31 - 1

/** Gives the core what it asks for: a connection at a time, one timer, and the end of the tick. */
export class Driver implements CorePort {
  readonly core: ClientCore
  readonly emit: CorePort['emit']
  readonly #settings: Settings
  #connection: Connection | undefined
  #timer: NodeJS.Timeout | undefined
  #flushing = false
  readonly #flush = () => {
    this.#flushing = false
    this.core.flush(performance.now())
  }
  // A process that was busy for long finds its timers due before it has read what the daemon has sent in the
  // meantime. So it reads first, and only then judges whether somebody waited too long.
  readonly #wake = () => {
    this.#timer = undefined
    setImmediate(() => this.core.tick(performance.now()))
  }

  constructor(settings: Settings, emit: <E extends keyof ClientEvents>(event: E, values: unknown[]) => void) {
    this.#settings = settings
    this.emit = (event, ...values) => process.nextTick(emit, event, values)
    this.core = new ClientCore({ ...settings.core, partLength: PART_LENGTH }, this, Math.random)
  }

  connect(): void {
    const { core } = this
    try {
      this.#connection = new Connection(this.#settings.endpoint, {
        opened: () => core.opened(),
        received: text => core.received(text, performance.now()),
        heard: () => core.heard(performance.now()),
        closed: (code, reason) => core.closed(code, reason, performance.now()),
        rejected: (fault, retry) => core.rejected(fault, retry, performance.now()),
      })
    } catch (error) {
      this.#connection = undefined
      const fault =
        error instanceof Fault ? error : new Fault('daemon-unreachable', messageOf(error), { cause: error })
      setImmediate(() => core.rejected(fault, true, performance.now()))
    }
  }

  readonly send = (frame: string): void => {
    this.#connection?.send(frame)
  }

  ping(): void {
    this.#connection?.ping()
  }

  disconnect(code?: number): void {
    this.#connection?.leave(code)
    this.#connection = undefined
  }

  flushSoon(): void {
    if (!this.#settings.batching) {
      this.#flush()
      return
    }
    if (this.#flushing) return
    this.#flushing = true
    setImmediate(this.#flush)
  }

  wakeAt(instant: number): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (instant === Number.POSITIVE_INFINITY) return
    const delayMs = Math.min(Math.max(Math.ceil(instant - performance.now()), 1), MAX_TIMER_MS)
    this.#timer = setTimeout(this.#wake, delayMs)
  }
}
