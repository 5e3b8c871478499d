import type { ResultOf } from '../protocol/schemas.ts'
import type { HeldSession, Session } from './session.ts'

export type RefusalReason = Extract<ResultOf<'session.acquire'>, { granted: false }>['reason']

export interface Grant {
  readonly granted: true
  readonly session: Session
}

export interface Refusal {
  readonly granted: false
  /** A word of docs/PROTOCOL.md, "Refusal reasons". */
  readonly reason: RefusalReason
  /** The reason for people, with what helps. */
  readonly message: string
  readonly inUse: number
  readonly limit: number
}

/** A refusal is an answer like any other. */
export type AcquireOutcome = Grant | Refusal

/** A caller of `acquire` who has no answer yet. */
export interface Waiter {
  readonly resolve: (outcome: AcquireOutcome) => void
  readonly reject: (reason: unknown) => void
  readonly deadline: number
  /** Takes the listener off the caller's AbortSignal. */
  unhook: (() => void) | undefined
}

export interface AcquireEntry {
  readonly kind: 'acquire'
  id: number
  readonly key: string
  readonly application: string | undefined
  /**
   * Whoever waits for the answer: all who asked for this key. Where all of them gave up it is empty, and a
   * grant is given back at once.
   */
  readonly waiters: Waiter[]
  /** The session that it is to bring back, where the daemon did not know it any more after a reconnect. */
  session: HeldSession | undefined
  /** Whether it may have reached the daemon. Then it is repeated until it is answered, lest a grant leaks. */
  sent: boolean
  /** The refusal of a daemon that is stopping: the answer, where no other daemon comes in time. */
  refusal: Refusal | undefined
}

export interface ReleaseEntry {
  readonly kind: 'release'
  id: number
  /** The session; or the token alone where the grant came after everybody had given up. */
  readonly session: { readonly token: string }
  readonly resolve: ((released: boolean) => void) | undefined
  /** Whether it had been sent before on a connection that was lost: then `false` may be our own doing. */
  repeated: boolean
}

export type Query = 'status.get' | 'license.get'

export interface QueryEntry {
  readonly kind: 'query'
  id: number
  readonly method: Query
  readonly resolve: (result: object) => void
  readonly reject: (reason: unknown) => void
  readonly deadline: number
  settled: boolean
}

export interface HelloEntry {
  readonly kind: 'hello'
  id: number
}

export interface ResumeEntry {
  readonly kind: 'resume'
  id: number
  /** The sessions asked for, by the token that was sent. */
  readonly sessions: ReadonlyMap<string, HeldSession>
}

/** A request that waits to be sent or to be answered. */
export type Entry = AcquireEntry | ReleaseEntry | QueryEntry | HelloEntry | ResumeEntry
