import { ClientCore, type CorePort } from '../../src/client/core.ts'
import type { ClientEvents } from '../../src/client/events.ts'
import type { Session } from '../../src/client/session.ts'
import type { ProcessIdentity } from '../../src/session/client-table.ts'
import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'
import type { Wire } from './wire.ts'

export interface CallerOptions {
  readonly name: string
  /** Whether it says who it is, so that it is known again on another connection. */
  readonly hasIdentity: boolean
  readonly process: ProcessIdentity
  readonly random: Random
  readonly scheduler: Scheduler
  /** Milliseconds of its clock in one millisecond of the machine's. */
  readonly clockRate: number
  /** Makes a connection to the daemon, or null where nobody listens. */
  readonly connect: (caller: Caller) => Wire | null
  readonly trace: (line: string) => void
  readonly onLost: (session: Session, reason: string) => void
}

const REFUSED = 1006

/** One process with calls: the real client core, with a clock, a timer and a wire that the simulation gives it. */
export class Caller implements CorePort {
  readonly core: ClientCore
  readonly process: ProcessIdentity
  alive = true
  asked = 0
  answered = 0
  /** Releases that were not answered yet. */
  releasing = 0
  readonly faults: string[] = []
  readonly #options: CallerOptions
  #wire: Wire | null = null
  #wake = 0
  #flushing = false
  /** Until then the process does not run: what it is sent and its timers wait. */
  #pausedUntil = 0
  /** What came meanwhile, in its order. */
  readonly #waiting: (() => void)[] = []

  constructor(options: CallerOptions) {
    this.#options = options
    this.process = options.process
    const { name, hasIdentity, random } = options
    const identity = hasIdentity ? { clientId: name, clientSecret: `secret-of-${name}-for-ever` } : {}
    const notifications = ['draining', 'session', 'limit']
    const core = {
      address: 'here',
      hello: JSON.stringify({ ...identity, process: options.process, notifications }),
      partLength: 3,
      acquireTimeoutMs: 2000,
      closeTimeoutMs: 2000,
      handshakeTimeoutMs: 1500,
      pingIntervalMs: 3000,
      silenceTimeoutMs: 1500,
      maxPending: 100,
    }
    this.core = new ClientCore(core, this, () => random.next())
    this.core.start(this.now)
  }

  get name(): string {
    return this.#options.name
  }

  /** Its own monotonic clock, which begins with the process. */
  get now(): number {
    return this.#options.scheduler.now * this.#options.clockRate
  }

  get wire(): Wire | null {
    return this.#wire
  }

  // ---- what the world does to it

  acquire(key: string, application: string | undefined, patienceMs: number | null): void {
    if (!this.alive) return
    this.asked++
    const hangUp = new AbortController()
    if (patienceMs !== null) this.#options.scheduler.after(patienceMs, () => hangUp.abort())
    this.core.acquire(key, application, hangUp.signal, this.now).then(
      outcome => {
        this.answered++
        this.#options.trace(`${this.name}: ${key} ${outcome.granted ? 'is granted' : outcome.reason}`)
      },
      error => {
        this.answered++
        this.#options.trace(`${this.name}: ${key} fails: ${(error as { code?: string }).code ?? 'hung up'}`)
      },
    )
  }

  /** Ends the call whose session is the oldest but so many. */
  release(which: number): void {
    const session = [...this.core.sessions.values()][which]
    if (!this.alive || session === undefined) return
    this.releasing++
    void session.release().then(released => {
      this.releasing--
      this.#options.trace(`${this.name}: ${session.key} is ${released ? 'released' : 'not released'}`)
    })
  }

  /** One pause within another ends with the later of the two. */
  pause(ms: number): void {
    const { scheduler } = this.#options
    this.#pausedUntil = Math.max(this.#pausedUntil, scheduler.now + ms)
    scheduler.at(this.#pausedUntil, () => this.#runOn())
  }

  /** The process is killed; the kernel closes its socket. */
  /** Gives when the daemon has heard all that it had to say. */
  kill(): number {
    this.alive = false
    const wire = this.#wire
    wire?.clientLeaves()
    this.#wire = null
    return wire?.heardAt ?? 0
  }

  close(keepSessions: boolean): Promise<void> {
    return this.core.close(keepSessions, this.now)
  }

  // ---- what the core asks for

  connect(): void {
    const { scheduler, random } = this.#options
    scheduler.after(random.below(4), () => {
      this.#whenRunning(() => {
        const wire = this.#options.connect(this)
        this.#wire = wire
        if (wire === null) this.core.closed(REFUSED, 'connect ECONNREFUSED', this.now)
        else this.core.opened()
      })
    })
  }

  readonly send = (frame: string): void => {
    this.#wire?.toDaemon(frame)
  }

  ping(): void {
    const wire = this.#wire
    wire?.ping(() => {
      this.#whenRunning(() => {
        if (this.#wire === wire) this.core.heard(this.now)
      })
    })
  }

  disconnect(code?: number): void {
    this.#wire?.clientLeaves(code)
    this.#wire = null
  }

  flushSoon(): void {
    if (this.#flushing) return
    this.#flushing = true
    this.#options.scheduler.after(0, () =>
      this.#whenRunning(() => {
        this.#flushing = false
        this.core.flush(this.now)
      }),
    )
  }

  wakeAt(instant: number): void {
    const wake = ++this.#wake
    if (instant === Number.POSITIVE_INFINITY) return
    const { scheduler, clockRate } = this.#options
    scheduler.at(Math.ceil(instant / clockRate), () =>
      this.#whenRunning(() => {
        if (wake === this.#wake) this.core.tick(this.now)
      }),
    )
  }

  emit<E extends keyof ClientEvents>(event: E, ...values: ClientEvents[E]): void {
    const [value] = values
    if (event === 'sessionLost') {
      const { session, reason } = value as ClientEvents['sessionLost'][0]
      this.#options.onLost(session, reason)
    }
    if (event === 'fault') this.faults.push((value as ClientEvents['fault'][0]).code)
    if (event === 'disconnected') {
      const { code, fault, retryInMs } = value as ClientEvents['disconnected'][0]
      this.#options.trace(`${this.name}: disconnected, ${code} ${fault.code}`)
      if (retryInMs === null) this.faults.push(fault.code)
    }
  }

  // ---- the end of the wire

  /** What this end of a wire hears, for as long as it is the one in use. */
  endOf(wire: () => Wire): Wire['client'] {
    const whenInUse = (act: () => void) =>
      this.#whenRunning(() => {
        if (this.#wire === wire()) act()
      })
    return {
      receive: text => whenInUse(() => this.core.received(text, this.now)),
      hungUp: (code, reason) =>
        whenInUse(() => {
          this.#wire = null
          this.core.closed(code, reason, this.now)
        }),
    }
  }

  #whenRunning(act: () => void): void {
    if (this.#options.scheduler.now < this.#pausedUntil) this.#waiting.push(act)
    else {
      // What comes at the very instant at which the pause ends comes after what waited for it.
      this.#runOn()
      if (this.alive) act()
    }
  }

  #runOn(): void {
    if (this.#options.scheduler.now < this.#pausedUntil) return
    for (let act = this.#waiting.shift(); act !== undefined; act = this.#waiting.shift())
      if (this.alive) act()
  }
}
