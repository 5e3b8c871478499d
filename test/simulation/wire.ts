import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'

/** What one end of a wire hears. */
export interface End {
  receive(text: string): void
  hungUp(code: number, reason: string): void
}

const BROKEN = 1006

/**
 * One connection: frames travel in order, each for a time of its own, so that those of two connections
 * overtake each other. It may be cut, it may stand still, and either end may die without a word of farewell.
 */
export class Wire {
  readonly id: number
  readonly client: End
  daemon: End | null = null
  /** Nothing passes any more, and neither end hears of it. */
  halfOpen = false
  #clientEnded = false
  #daemonEnded = false
  #cut = false
  readonly #scheduler: Scheduler
  readonly #random: Random
  #lastToDaemon = 0
  #lastToClient = 0

  constructor(id: number, client: End, scheduler: Scheduler, random: Random) {
    this.id = id
    this.client = client
    this.#scheduler = scheduler
    this.#random = random
  }

  get delayMs(): number {
    return this.#random.chance(0.9) ? this.#random.between(0, 3) : this.#random.between(4, 400)
  }

  toDaemon(text: string): void {
    this.#pass('daemon', () => this.daemon?.receive(text))
  }

  /** A ping and its pong: a sign of life of the daemon, which answers it whatever else it does. */
  ping(heard: () => void): void {
    this.#pass('daemon', () => this.#pass('client', heard))
  }

  toClient(text: string): void {
    this.#pass('client', () => this.client.receive(text))
  }

  /** The network between the two breaks: what is under way is lost, both hear of it, each in its time. */
  cut(): void {
    if (this.#cut || this.halfOpen) return
    this.#cut = true
    this.#scheduler.after(this.delayMs, () => this.#tellDaemon(BROKEN, ''))
    this.#scheduler.after(this.delayMs, () => this.#tellClient(BROKEN, ''))
  }

  /** The daemon's end is closed, by its process or by its death; what was written before still arrives. */
  daemonLeaves(code = BROKEN, reason = ''): void {
    if (this.#daemonEnded) return
    this.#daemonEnded = true
    this.#pass('client', () => this.#tellClient(code, reason))
  }

  /** As `daemonLeaves`, of the other end. */
  clientLeaves(code = BROKEN): void {
    if (this.#clientEnded) return
    this.#clientEnded = true
    this.#pass('daemon', () => this.#tellDaemon(code, ''))
  }

  /** When the daemon has heard all that was sent to it. */
  get heardAt(): number {
    return this.#lastToDaemon
  }

  /** The kernel gives a half-open connection up at last. */
  giveUp(): void {
    this.#tellDaemon(BROKEN, '')
    this.#tellClient(BROKEN, '')
  }

  #pass(to: 'daemon' | 'client', act: () => void): void {
    const last = to === 'daemon' ? this.#lastToDaemon : this.#lastToClient
    const at = Math.max(last, this.#scheduler.now + this.delayMs)
    if (to === 'daemon') this.#lastToDaemon = at
    else this.#lastToClient = at
    this.#scheduler.at(at, () => {
      if (!this.#cut && !this.halfOpen && !(to === 'daemon' ? this.#daemonEnded : this.#clientEnded)) act()
    })
  }

  #tellDaemon(code: number, reason: string): void {
    if (this.#daemonEnded) return
    this.#daemonEnded = true
    this.daemon?.hungUp(code, reason)
  }

  #tellClient(code: number, reason: string): void {
    if (this.#clientEnded) return
    this.#clientEnded = true
    this.client.hungUp(code, reason)
  }
}
