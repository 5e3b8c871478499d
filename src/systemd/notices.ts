import type { NotifyRequest } from './notify-request.ts'
import { openSender, type Sender } from './sender.ts'

/** The status is looked at so often, and told where it has changed. */
const STATUS_EVERY_MS = 1000

/** A third of the time that systemd waits: two signs of life may be late. */
const SIGNS_IN_TIME = 3

/** Longest status; systemd shows it in one line. */
const MAX_STATUS_LENGTH = 400

/** Messages that may wait for systemd, whose queue is short: beyond, what is only nice to know is left out. */
const MAX_WAITING = 8

/** How long the last message may hold up the stop. */
const FLUSH_MS = 500

export interface NoticesOptions {
  readonly request: NotifyRequest
  /** Told once, when messages begin to fail. */
  readonly onTrouble: (error: unknown) => void
  /** Told once where there is no cheap way to systemd. */
  readonly onSpawning: () => void
  readonly open?: (address: string) => Promise<Sender>
}

/**
 * Tells systemd how the service is. Everything here is for systemd alone: whatever fails, the service goes on.
 * Nothing is loaded or sent before `ready`, which comes when clients are served already.
 */
export class Notices {
  readonly #options: NoticesOptions
  readonly #timers: NodeJS.Timeout[] = []
  #sender: Promise<Sender> | null = null
  #isCheap = true
  #waiting = 0
  #last: Promise<void> = Promise.resolve()
  #hasFailed = false
  #status = ''
  #statusNow: () => string = () => ''

  constructor(options: NoticesOptions) {
    this.#options = options
  }

  /** The service runs. `statusNow` gives one line about how it is; it is asked once a second from now on. */
  ready(statusNow: () => string): void {
    this.#statusNow = statusNow
    this.#tell('READY=1')
    if (this.#timers.length > 0) return
    this.#every(STATUS_EVERY_MS, () => this.#tellStatus())
    const { watchdogMs } = this.#options.request
    if (watchdogMs !== null) this.#every(watchdogMs / SIGNS_IN_TIME, () => this.#tellAlive())
  }

  /** The service reads its configuration again; `reloaded` says that it is done. */
  reloading(): void {
    // systemd compares it with its own clock, which is CLOCK_MONOTONIC as well.
    this.#send(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`)
  }

  reloaded(): void {
    this.#tell('READY=1')
  }

  stopping(): void {
    this.#tell('STOPPING=1')
  }

  /** Waits a moment for what was said last, and lets the process end. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    if (this.#sender === null) return
    let giveUp: NodeJS.Timeout | undefined
    await Promise.race([
      this.#last,
      new Promise(resolve => {
        giveUp = setTimeout(resolve, FLUSH_MS)
      }),
    ])
    clearTimeout(giveUp)
    const sender = await this.#sender.catch(() => null)
    sender?.close()
  }

  #every(ms: number, act: () => void): void {
    this.#timers.push(setInterval(act, ms).unref())
  }

  #tellStatus(): void {
    if (!this.#isCheap || this.#waiting >= MAX_WAITING) return
    const status = this.#readStatus()
    if (status === this.#status) return
    this.#status = status
    this.#send(`STATUS=${status}`)
  }

  #tellAlive(): void {
    if (this.#isCheap && this.#waiting < MAX_WAITING) this.#send('WATCHDOG=1')
  }

  /** The status goes with each message: whoever looks just then sees no old one. */
  #tell(message: string): void {
    this.#status = this.#readStatus()
    this.#send(`${message}\nSTATUS=${this.#status}`)
  }

  #readStatus(): string {
    try {
      return this.#statusNow().replaceAll(/\s+/g, ' ').slice(0, MAX_STATUS_LENGTH)
    } catch (error) {
      this.#fail(error)
      return this.#status
    }
  }

  #send(message: string): void {
    this.#sender ??= this.#open()
    this.#waiting++
    // Not awaited one by one: the sender keeps the order, and one that waits must not hold up a sign of life.
    this.#last = this.#sender
      .then(sender => sender.send(message))
      .then(() => {
        this.#hasFailed = false
      })
      .catch(error => this.#fail(error))
      .finally(() => {
        this.#waiting--
      })
  }

  async #open(): Promise<Sender> {
    const { open = openSender, request, onSpawning } = this.#options
    const sender = await open(request.socket)
    this.#isCheap = sender.isCheap
    if (!sender.isCheap) {
      onSpawning()
      // A process for each sign of life would cost more than it is worth, so nobody is to wait for any.
      if (request.watchdogMs !== null) {
        void sender.send('WATCHDOG_USEC=0').catch(error => this.#fail(error))
      }
    }
    return sender
  }

  #fail(error: unknown): void {
    if (this.#hasFailed) return
    this.#hasFailed = true
    this.#options.onTrouble(error)
  }
}
