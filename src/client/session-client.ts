import { EventEmitter } from 'node:events'
import { Driver } from './driver.ts'
import type { AcquireOutcome } from './entries.ts'
import type { ClientEvents, LicenseResult, StatusResult } from './events.ts'
import { invalidParamsFault } from './faults.ts'
import { APPLICATION, type ClientOptions, KEY, settingsOf } from './options.ts'
import type { Session } from './session.ts'

export interface AcquireRequest {
  /** The caller's own name for the session, for example its call id: 1 to 128 printable ASCII characters. */
  readonly key?: string
  /** The application it is counted under, instead of the client's. */
  readonly application?: string
  /** Ends the wait. What was granted nevertheless is given back. */
  readonly signal?: AbortSignal
}

export interface CloseOptions {
  /** Leaves the sessions counted for the resume window, for another client to resume them by their tokens. */
  readonly keepSessions?: boolean
}

const ANYTHING: AcquireRequest = Object.freeze({})

/**
 * A client of sessiond. It connects by itself and comes back by itself, with its sessions; until `close` it
 * keeps the process alive.
 *
 * Faults are of the class `Fault`. By their `code`: `invalid-options` (thrown by the constructor),
 * `invalid-params`, `too-many-pending`, `daemon-unreachable`, `unauthenticated`, `superseded`,
 * `protocol-error`, `client-closed`, and the error words of docs/PROTOCOL.md where the daemon answers one.
 */
export class SessionClient extends EventEmitter<ClientEvents> implements AsyncDisposable {
  readonly #driver: Driver
  readonly #keyPrefix: string
  #keys = 0

  constructor(options: ClientOptions = {}) {
    super()
    const settings = settingsOf(options)
    this.#keyPrefix = settings.keyPrefix
    this.#driver = new Driver(settings, (event, values) => this.emit(event, ...(values as never)))
    this.#driver.core.start(performance.now())
  }

  /** Whether requests reach the daemon now. Nothing has to be done where they do not: they wait. */
  get connected(): boolean {
    return this.#driver.core.state === 'ready'
  }

  /** The sessions that are held, by key. */
  get sessions(): ReadonlyMap<string, Session> {
    return this.#driver.core.sessions
  }

  /**
   * Asks for a session. The answer is a session or a refusal with its reason; a refusal is never thrown.
   * The same key is the same session: while it is held, all who ask get it.
   * Rejects with a `Fault`, or with the reason of the signal.
   */
  acquire(request: AcquireRequest = ANYTHING): Promise<AcquireOutcome> {
    const { key = this.#nextKey(), application, signal } = request
    if (!KEY.test(key)) {
      return Promise.reject(invalidParamsFault('"key" must be 1 to 128 printable characters without spaces.'))
    }
    if (application !== undefined && !APPLICATION.test(application)) {
      return Promise.reject(invalidParamsFault('"application" is not the name of one: see PROTOCOL.md.'))
    }
    return this.#driver.core.acquire(key, application, signal, performance.now())
  }

  /** What the daemon says about itself. */
  status(): Promise<StatusResult> {
    return this.#driver.core.query('status.get', performance.now()) as Promise<StatusResult>
  }

  /** What the license says. */
  license(): Promise<LicenseResult> {
    return this.#driver.core.query('license.get', performance.now()) as Promise<LicenseResult>
  }

  /**
   * Gives all held sessions back (unless `keepSessions`) and closes the connection. Calls that wait are
   * rejected with `client-closed`. Resolves when the releases are delivered, or after `closeTimeoutMs`.
   */
  close(options: CloseOptions = {}): Promise<void> {
    return this.#driver.core.close(options.keepSessions ?? false, performance.now())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #nextKey(): string {
    this.#keys++
    return `${this.#keyPrefix}.${this.#keys.toString(36)}`
  }
}
