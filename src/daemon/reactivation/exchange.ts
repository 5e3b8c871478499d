import { type KeyObject, randomUUID } from 'node:crypto'
import { Fault, messageOf } from '../../errors.ts'
import type { License } from '../../license/document.ts'
import type { Product } from '../../license/fields.ts'
import type { MachineFingerprint } from '../../license/fingerprint.ts'
import type { LicenseIdentity } from '../../license/in-force.ts'
import { createMachineRequest } from '../../license/machine-request.ts'
import type { LicensingServer, Refusal, Refused, Unavailable } from './licensing-server.ts'
import { afterAttempt, type RecordBook } from './record.ts'
import {
  baseOf,
  earlierRequestIds,
  findPending,
  overtakenRequestIds,
  type PendingRequest,
  type Wish,
  wishOf,
  withPending,
  withState,
} from './request-book.ts'

/** The license of this machine, and the one place that judges a new one; LicenseKeeper is one. */
export interface Installation {
  readonly licensed: { readonly product: Product; readonly version: string }
  readonly license: License | null
  /** Which installation this machine is, also where its license cannot be believed any more; null: none yet. */
  readonly identity: LicenseIdentity | null
  /** Takes a license into force if it is good and not late: see LicenseStore.offer. */
  offer(
    text: string,
    basedOn: License | null,
  ): Promise<
    | { readonly outcome: 'accepted' | 'known'; readonly license: License }
    | { readonly outcome: 'overtaken' }
    | {
        readonly outcome: 'rejected'
        readonly rejection: { readonly code: string; readonly message: string; readonly hint: string | null }
      }
  >
  /** Keeps revocation lists; gives those that are not believed. */
  keepRevocations(
    texts: readonly string[],
  ): Promise<readonly { readonly code: string; readonly message: string }[]>
}

/** Who this machine is, as it stands now. */
export interface MachineIdentity {
  readonly privateKey: KeyObject
  readonly jkt: string
  readonly fingerprint: MachineFingerprint | null
  readonly hostname: string
}

export interface ExchangeParts {
  readonly installation: Installation
  readonly identify: () => Promise<MachineIdentity>
  readonly book: RecordBook
  /** Wall clock. */
  readonly now: () => number
  /** Told of what is odd in an answer and stops nothing. */
  readonly onProblem: (problem: { readonly code: string; readonly message: string }) => void
}

/** See OutcomeKind in record.ts for what each means. */
export type Outcome =
  | { readonly kind: 'refreshed' | 'deactivated'; readonly license: License }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | ({ readonly kind: 'unreachable'; readonly retryAfterMs: number } & Trouble)
  | ({ readonly kind: 'failed'; readonly cause: unknown } & Trouble)

export interface Trouble {
  readonly code: string
  readonly message: string
  readonly hint: string | null
}

/** A request to be carried by hand. */
export interface RequestByHand {
  readonly requestId: string
  /** The signed document. */
  readonly text: string
  readonly asks: Wish
  /** Thumbprint of the machine's key. */
  readonly jkt: string
}

/** What is asked of the server: as many sessions in all as that, or what the installation owns. */
export interface Ask {
  readonly sessions: number | null
  readonly signal: AbortSignal
}

type Taken = { readonly kind: 'taken'; readonly license: License; readonly repeated: boolean }
type Reply = Awaited<ReturnType<LicensingServer['reactivate']>>

/**
 * One talk with the licensing server, from the request to the license in force. The daemon and `sessionctl` go
 * the same way. What a request asks is written down before it is sent, and sent again as it is until it is
 * answered; a license is verified as any license file is; what came of it is kept for the schedule and for
 * `status.get`.
 */
export class Exchange {
  readonly #parts: ExchangeParts

  constructor(parts: ExchangeParts) {
    this.#parts = parts
  }

  /** Claims for this machine with an installation key; on a machine that is activated, refreshes or raises. */
  activate(server: LicensingServer, installationKey: string, ask: Ask): Promise<Outcome> {
    return this.#attempt(ask.signal, async () => {
      const settled = await this.#settleDeactivation(server, ask.signal)
      if (settled?.kind === 'unreachable') return settled
      return this.#finish(server, ask, text => server.activate(text, installationKey, ask.signal))
    })
  }

  /** Refreshes the license, or tells the server that the machine has stopped using one that was taken away. */
  reactivate(server: LicensingServer, ask: Ask): Promise<Outcome> {
    return this.#attempt(ask.signal, async () => {
      if (this.#parts.installation.identity === null) return failed(notActivated())
      const settled = await this.#settleDeactivation(server, ask.signal)
      if (settled !== null && settled.kind !== 'refused') return settled
      return this.#finish(server, ask, text => server.reactivate(text, ask.signal))
    })
  }

  /**
   * The request to carry by hand: for a license, or where the license in force grants nothing and `anew` is not
   * wanted, the confirmation of that. It is the same until it is answered; `anew` gives up the one that waits, which
   * the licensing server may have answered long ago where this machine was put back to a backup.
   */
  async request(of: { sessions: number | null; anew: boolean }): Promise<RequestByHand> {
    const { license } = this.#parts.installation
    const confirms = !of.anew && of.sessions === null && license?.deactivated === true
    const wish = await this.#wish(of.sessions, confirms ? license.licenseId : null)
    const waiting = of.anew ? findPending(this.#parts.book.read().requests, wish.asks, wish.jkt) : null
    if (waiting !== null) this.#mark(waiting, 'spent')
    const { requestId, text } = await this.#pending(wish)
    return { requestId, text, asks: wish.asks, jkt: wish.jkt }
  }

  /** Carries an attempt out and writes down what it came to. */
  async #attempt(signal: AbortSignal, act: () => Promise<Outcome>): Promise<Outcome> {
    const outcome = await act().catch(error => failed(error))
    // A daemon that stops has not failed.
    if (signal.aborted && outcome.kind === 'unreachable') return outcome
    const { code, message, hint } = troubleOf(outcome)
    const last = { at: this.#parts.now(), kind: outcome.kind, code, message, hint }
    const retryAfterMs = outcome.kind === 'unreachable' ? outcome.retryAfterMs : 0
    this.#parts.book.change(record => afterAttempt(record, last, retryAfterMs))
    return outcome
  }

  /** Asks for a license; a second time where the first reply was a repeated one, whose terms may be old. */
  async #finish(server: LicensingServer, ask: Ask, send: (text: string) => Promise<Reply>): Promise<Outcome> {
    let taken = await this.#ask(ask.sessions, send)
    const isOutdated = taken.kind === 'refused' && taken.refusal.code === 'request-outdated'
    if (isOutdated) taken = await this.#ask(ask.sessions, send)
    if (taken.kind === 'taken' && taken.repeated) {
      const fresh = await this.#ask(null, text => server.reactivate(text, ask.signal))
      if (fresh.kind === 'taken') taken = fresh
    }
    if (taken.kind !== 'taken') return taken
    if (!taken.license.deactivated) return { kind: 'refreshed', license: taken.license }
    const settled = await this.#settleDeactivation(server, ask.signal)
    return settled ?? { kind: 'deactivated', license: taken.license }
  }

  /** One request for a license, and what came of the license. */
  async #ask(sessions: number | null, send: (text: string) => Promise<Reply>): Promise<Taken | Outcome> {
    const { installation, onProblem } = this.#parts
    const basedOn = installation.license
    const pending = await this.#pending(await this.#wish(sessions, null))
    const reply = await send(pending.text)
    if (reply.kind !== 'license') return this.#unanswered(pending, reply)
    for (const problem of await installation.keepRevocations(reply.reply.revocationLists)) onProblem(problem)
    const offered = await installation.offer(reply.reply.license, basedOn)
    if (offered.outcome === 'rejected' && offered.rejection.code !== 'license-superseded') {
      this.#mark(pending, 'spent')
      return failed(new Fault(offered.rejection.code, offered.rejection.message, hintsOf(offered.rejection)))
    }
    const { license } = installation
    if (license === null) throw new TypeError('No license is in force after one was taken.')
    // A late answer has changed nothing: what is in force is newer.
    const repeated = 'license' in offered && reply.reply.repeated
    return { kind: 'taken', license, repeated }
  }

  /**
   * Tells the server that a license which grants nothing is in force here. Null where there is nothing to tell,
   * or where the deactivation was called off and an ordinary license is to be had again.
   */
  async #settleDeactivation(server: LicensingServer, signal: AbortSignal): Promise<Outcome | null> {
    const { installation, book } = this.#parts
    const { license } = installation
    if (license === null || !license.deactivated) return null
    const { licenseId } = license
    if (book.read().confirmedLicenseId === licenseId) return null
    const pending = await this.#pending(await this.#wish(null, licenseId))
    const reply = await server.confirmDeactivation(pending.text, signal)
    if (reply.kind !== 'confirmed') return this.#unanswered(pending, reply)
    book.change(() => ({ confirmedLicenseId: licenseId }))
    return { kind: 'deactivated', license }
  }

  #unanswered(pending: PendingRequest, reply: Refused | Unavailable): Outcome {
    if (reply.kind === 'unavailable') return { ...reply, kind: 'unreachable' }
    this.#mark(pending, 'refused')
    return reply
  }

  #mark({ requestId }: PendingRequest, state: PendingRequest['state']): void {
    this.#parts.book.change(({ requests }) => ({ requests: withState(requests, requestId, state) }))
  }

  async #wish(sessions: number | null, deactivationOf: string | null) {
    const { product, version } = this.#parts.installation.licensed
    const { identity } = this.#parts.installation
    const { privateKey, jkt, fingerprint, hostname } = await this.#parts.identify()
    const asks: Wish = {
      product,
      version,
      installationId: identity?.installationId ?? null,
      generation: identity?.generation ?? 0,
      sessions,
      fingerprint,
      hostname,
      deactivationOf,
    }
    return { asks, jkt, privateKey }
  }

  /** The request of before with this wish, else a new one, which is written down before anybody sees it. */
  async #pending(wish: { asks: Wish; jkt: string; privateKey: KeyObject }): Promise<PendingRequest> {
    const { installation, book, now } = this.#parts
    const { asks, jkt, privateKey } = wish
    for (;;) {
      const { requests } = book.read()
      const before = findPending(requests, asks, jkt)
      if (before !== null) return before
      const requestId = randomUUID()
      const earlier = earlierRequestIds(requests, asks)
      const overtaken = overtakenRequestIds(requests, asks, installation.license?.requestId ?? null)
      const content = { ...asks, earlierRequestIds: earlier, overtakenRequestIds: overtaken }
      const text = await createMachineRequest(content, { privateKey, requestId, now: now() })
      const about = { wish: wishOf(asks, jkt), base: baseOf(asks), overtaken }
      const made = { requestId, text, ...about, state: 'open' } as const
      // Where another process wrote one down while this one was signed, this one does not name it.
      const isComplete = (known: readonly PendingRequest[]) =>
        earlierRequestIds(known, asks).join() === earlier.join()
      const { requests: after } = book.change(record =>
        isComplete(record.requests) ? { requests: withPending(record.requests, made) } : {},
      )
      if (after.includes(made)) return made
    }
  }
}

function hintsOf({ hint }: { hint: string | null }): { hint?: string } {
  return hint === null ? {} : { hint }
}

function notActivated(): Fault {
  return new Fault('not-activated', 'This machine has no license that could be refreshed.', {
    hint: 'Activate it with an installation key: `sessionctl activate --key-file FILE --sessions N`.',
  })
}

function failed(error: unknown): Outcome {
  const code = error instanceof Fault ? error.code : 'internal-error'
  const hint = error instanceof Fault ? (error.hint ?? null) : null
  return { kind: 'failed', code, message: messageOf(error), hint, cause: error }
}

/** What an outcome says to people; `code` null where all is well. */
export function troubleOf(outcome: Outcome): { code: string | null; message: string; hint: string | null } {
  switch (outcome.kind) {
    case 'refreshed':
      return { code: null, message: 'The license was refreshed.', hint: null }
    case 'deactivated': {
      const message = 'This installation is deactivated, and the licensing server knows it.'
      return { code: null, message, hint: null }
    }
    case 'refused':
      return outcome.refusal
    case 'unreachable':
    case 'failed':
      return outcome
  }
}
