import { encodeResult, type RequestId } from '../../protocol/messages.ts'
import type { OPERATOR_METHODS, ParamsOf, ResultOf } from '../../protocol/schemas.ts'
import type { SessionCounter } from '../../session/counter.ts'
import type { ListedSession } from '../../session/listing.ts'
import type { EndedSession } from '../../session/policy.ts'

const LISTED_BY_DEFAULT = 100

type OperatorMethod = (typeof OPERATOR_METHODS)[number]

/** What is recorded of a session that an operator released. */
export interface ReleasedByOperator {
  readonly operator: ParamsOf<'sessions.release'>['operator']
  readonly reason: string | null
  readonly session: ResultOf<'sessions.show'>['session']
}

export interface OperatorContext {
  readonly counter: SessionCounter
  /** Wall-clock milliseconds. */
  readonly wallNow: () => number
  /** Records it before it is done; true where it is on record now. */
  readonly recordRelease: (released: ReleasedByOperator) => boolean
  readonly notifyEnded: (ended: readonly EndedSession[]) => void
}

/** Carries out what operators ask about single sessions. */
export class OperatorRequests {
  readonly #context: OperatorContext

  constructor(context: OperatorContext) {
    this.#context = context
  }

  /** The result of a request, at the time of the turn. */
  answer(
    call: { [M in OperatorMethod]: { readonly method: M; readonly params: ParamsOf<M> } }[OperatorMethod],
    id: RequestId,
    now: number,
  ): string {
    switch (call.method) {
      case 'sessions.list':
        return encodeResult(id, this.#list(call.params, now))
      case 'sessions.show':
        return encodeResult(id, { session: this.#find(call.params.id, now) })
      case 'sessions.release':
        return encodeResult(id, this.#release(call.params, now))
    }
  }

  #list(params: ParamsOf<'sessions.list'>, now: number): ResultOf<'sessions.list'> {
    const { application, client, orphaned, longerThanSeconds, limit = LISTED_BY_DEFAULT } = params
    const grantedBefore = longerThanSeconds === undefined ? undefined : now - longerThanSeconds * 1000
    const filter = { application, client, orphaned, grantedBefore }
    const { total, sessions } = this.#context.counter.listing.list(filter, limit)
    return { total, sessions: sessions.map(session => this.#view(session, now)) }
  }

  #find(id: string, now: number): ResultOf<'sessions.show'>['session'] {
    const session = this.#context.counter.listing.find(id)
    return session === null ? null : this.#view(session, now)
  }

  #release(
    { id, operator, reason }: ParamsOf<'sessions.release'>,
    now: number,
  ): ResultOf<'sessions.release'> {
    const { counter, recordRelease, notifyEnded } = this.#context
    const session = this.#find(id, now)
    const ending = counter.listing.ending(id)
    if (ending === null) return { released: false, session: null, audited: true }
    const audited = recordRelease({ operator, reason: reason ?? null, session })
    counter.release(ending.token, 'operator')
    notifyEnded([ending])
    return { released: true, session, audited }
  }

  #view(session: ListedSession, now: number) {
    const { process, grantedAt, resumableUntil, ...rest } = session
    return {
      ...rest,
      pid: process?.pid ?? null,
      grantedAt: new Date(this.#context.wallNow() - (now - grantedAt)).toISOString(),
      ageSeconds: Math.max(0, Math.floor((now - grantedAt) / 1000)),
      orphaned: resumableUntil !== null,
      resumableSeconds:
        resumableUntil === null ? null : Math.max(0, Math.ceil((resumableUntil - now) / 1000)),
    }
  }
}
