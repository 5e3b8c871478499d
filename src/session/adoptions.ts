import { type SignedSession, type TokenSigner, verifySignedToken } from './signed-token.ts'
import { parseToken } from './token.ts'

/** A session that a crash lost, as its signed token proves it. */
export interface LostSession extends SignedSession {
  /** Its slot and nonce: what names it, however the token around them looks. */
  readonly lost: string
  readonly slot: number
  /** Whether it was granted after all that the journal tells of. */
  readonly isNewest: boolean
  /** The token under which it was adopted already, for a client that did not get the reply; else null. */
  readonly adoptedAs: string | null
}

/** Which sessions of the run before this one may still come back, and which did. */
export class Adoptions {
  readonly #signer: TokenSigner | null
  readonly #adopted = new Map<string, string>()
  #until = Number.NEGATIVE_INFINITY
  #isOpen = false

  /** @param signer the key and the run whose tokens count; null for none. */
  constructor(signer: TokenSigner | null) {
    this.#signer = signer
  }

  openUntil(deadline: number): void {
    this.#until = deadline
    this.#isOpen = true
  }

  /** Null where the token proves nothing, or comes too late. */
  prove(token: string, now: number): LostSession | null {
    if (this.#signer === null || now >= this.#until) return null
    const parsed = parseToken(token)
    if (parsed === null) return null
    const session = verifySignedToken(token, parsed, this.#signer)
    if (session === null) return null
    const lost = token.slice(0, parsed.signatureAt)
    const isNewest = this.#signer.era !== null
    return { ...session, lost, slot: parsed.slot, isNewest, adoptedAs: this.#adopted.get(lost) ?? null }
  }

  adopted(lost: string, token: string): void {
    this.#adopted.set(lost, token)
  }

  /** A session that the journal told of has ended: the token that its client may have of it as well is spent. */
  ended(token: string): void {
    if (this.#signer !== null && this.#isOpen) this.#adopted.set(token, token)
  }

  /** Forgets who came back, once nobody can any more. */
  expire(now: number): void {
    if (now < this.#until) return
    this.#isOpen = false
    this.#adopted.clear()
  }
}
