/**
 * - `held`: granted and counted
 * - `released`: `release` was called
 * - `ended`: the daemon released it by itself (see the event `sessionEnded`)
 * - `lost`: the daemon did not know it any more and refused it anew (see the event `sessionLost`)
 *
 * None of them says anything about the call: what becomes of that is for the call process to decide.
 */
export type SessionState = 'held' | 'released' | 'ended' | 'lost'

/** One granted session: a call's slot. */
export interface Session extends AsyncDisposable {
  readonly key: string
  /** The application it is counted under, where `acquire` named one. */
  readonly application: string | undefined
  readonly state: SessionState
  /** Opaque proof of the session. It may change when the daemon was restarted. Keep it out of logs. */
  readonly token: string
  /**
   * Gives the session back. Resolves `true` where this call gave it back, `false` where there was nothing
   * to give back any more. It never rejects, so it need not be awaited: asked for while the daemon is away,
   * it is delivered when the daemon is back, and only then resolves.
   */
  release(): Promise<boolean>
}

/** Who carries out the release of a session. */
export interface SessionOwner {
  release(session: HeldSession): Promise<boolean>
}

/** A session together with what the client keeps about it. */
export class HeldSession implements Session {
  readonly key: string
  readonly application: string | undefined
  state: SessionState = 'held'
  // Not a plain property, so that it does not get into the logs of those who print a session.
  #token: string
  readonly #owner: SessionOwner
  #release: Promise<boolean> | undefined = undefined

  constructor(owner: SessionOwner, key: string, application: string | undefined, token: string) {
    this.#owner = owner
    this.key = key
    this.application = application
    this.#token = token
  }

  get token(): string {
    return this.#token
  }

  /** The daemon knows the session under a new token now. */
  renew(token: string): void {
    this.#token = token
  }

  release(): Promise<boolean> {
    if (this.#release !== undefined) return this.#release.then(() => false)
    this.#release = this.#owner.release(this)
    return this.#release
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release()
  }
}
