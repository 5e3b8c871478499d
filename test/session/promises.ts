import assert from 'node:assert/strict'
import { signToken, type TokenSigner } from '../../src/session/signed-token.ts'
import type { Committed, Model, ModelSession } from './model.ts'

/** A session whose grant a client was told of and that it has not given back. */
interface Promised {
  /** As it was sent: with a signature where the journal could not be written. */
  readonly token: string
  /** The run of the daemon whose crash lost it; null while it is counted. */
  lostIn: number | null
}

/** What a token proves that was signed while the journal could not be written. */
export interface Sealed {
  readonly run: number
  readonly era: number
  readonly session: ModelSession
}

const KEY = new Uint8Array(32).fill(7)

export function signerOf(run: number, era: number): TokenSigner {
  return { key: KEY, instanceId: `run-${run}`, era }
}

/** What the clients were told, and so rely on. */
export class Promises {
  /** Every token that was ever given, as it was sent. */
  readonly given = new Set<string>()
  readonly sealed = new Map<string, Sealed>()
  /** Grants of this turn whose reply has not left. */
  #decided: ModelSession[] = []
  readonly #promised = new Map<string, Promised>()

  decide(session: ModelSession): void {
    this.#decided.push(session)
  }

  /** The replies of the turn leave. */
  reply(model: Model, run: number, era: number, journalWorks: boolean): void {
    for (const session of this.#decided) {
      if (model.sessions.get(session.token) !== session) continue
      const token = journalWorks ? session.token : this.#seal(session, run, era)
      this.given.add(token)
      this.#promised.set(session.token, { token, lostIn: null })
    }
    this.#decided = []
  }

  #seal(session: ModelSession, run: number, era: number): string {
    const token = signToken(session.token, session, signerOf(run, era))
    this.sealed.set(token, { run, era, session })
    return token
  }

  /** Law 3: each session that was granted is in what was committed, or its token can prove it. */
  crash(committed: Committed, run: number): void {
    this.#decided = []
    const counted = new Set(committed.map(session => session.token))
    for (const [token, promised] of this.#promised) {
      if (counted.has(token)) promised.lostIn = null
      else if (promised.lostIn === null) {
        assert.equal(this.sealed.get(promised.token)?.run, run, `Law 3: ${token} is lost`)
        promised.lostIn = run
      } else this.#promised.delete(token) // Its holder did not come back before the next crash.
    }
  }

  /** Its holder was given another token in its place. */
  replaced(token: string): void {
    this.#promised.delete(token)
  }

  /** What has ended rightly need not survive a crash. */
  forgetEnded(model: Model): void {
    for (const [token, { lostIn }] of this.#promised) {
      if (lostIn === null && !model.sessions.has(token)) this.#promised.delete(token)
    }
  }

  /** Tokens that a client may rightly resume now, in the run after `crashed`. */
  resumable(crashed: number): string[] {
    const kept = [...this.#promised.values()].filter(({ lostIn }) => lostIn === null || lostIn === crashed)
    return kept.map(({ token }) => token)
  }
}
