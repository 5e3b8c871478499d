import type { Fault } from '../errors.ts'
import { REFUSAL_MESSAGES } from '../protocol/codes.ts'
import type { NotificationParams, ResultOf } from '../protocol/schemas.ts'
import type {
  AcquireEntry,
  AcquireOutcome,
  Refusal,
  RefusalReason,
  ReleaseEntry,
  ResumeEntry,
  Waiter,
} from './entries.ts'
import type { Outbox } from './outbox.ts'
import { HeldSession, type Session, type SessionOwner } from './session.ts'
import { TurnoverMap } from './turnover-map.ts'

/** Why a session that the daemon did not know any more could not be had again. */
export interface SessionLoss {
  readonly session: Session
  /** A refusal reason or an error word of docs/PROTOCOL.md. */
  readonly reason: string
  readonly message: string
}

/** The most tokens in one resume message; the protocol allows 8,192. */
export const RESUME_CHUNK_LENGTH = 1000

/** What a resume message takes besides its tokens, at most. */
const RESUME_OVERHEAD_BYTES = 128

/**
 * The sessions of one client: those it holds and those it asks for. It does no I/O: what must be sent it
 * puts into the outbox, and then calls `queued`.
 */
export class Admissions implements SessionOwner {
  readonly #outbox: Outbox
  readonly #queued: () => void
  readonly #lost: (loss: SessionLoss) => void
  readonly #held = new TurnoverMap<HeldSession>()
  /** Acquires on their way: whoever asks for the same key in the meantime shares the answer. */
  readonly #asking = new TurnoverMap<AcquireEntry>()
  /** Acquires that are to bring back a session which is held but unknown to the daemon. */
  readonly #reclaiming = new Map<string, AcquireEntry>()
  #ended = false

  constructor(outbox: Outbox, queued: () => void, lost: (loss: SessionLoss) => void) {
    this.#outbox = outbox
    this.#queued = queued
    this.#lost = lost
  }

  get sessions(): ReadonlyMap<string, Session> {
    return this.#held
  }

  /** Whether one more may ask for this key where at most `max` requests, or callers for one key, may wait. */
  hasRoom(key: string, max: number): boolean {
    if (this.#outbox.length < max || this.#held.has(key)) return true
    const asking = this.#asking.get(key)
    return asking !== undefined && asking.waiters.length < max
  }

  /** Asks for a session. The waiter's `unhook` is set by the caller, to give up see `giveUp`. */
  acquire(key: string, application: string | undefined, waiter: Waiter): void {
    const session = this.#held.get(key)
    if (session !== undefined) {
      settle(waiter, { granted: true, session })
      return
    }
    const asking = this.#asking.get(key)
    if (asking !== undefined) {
      asking.waiters.push(waiter)
      return
    }
    const entry = acquireEntry(key, application, [waiter], undefined)
    this.#asking.set(key, entry)
    this.#outbox.enqueue(entry)
    this.#queued()
  }

  /** A caller gives up. The grant that comes after all gave up is released at once. */
  giveUp(key: string, waiter: Waiter): void {
    const entry = this.#asking.get(key)
    const index = entry?.waiters.indexOf(waiter) ?? -1
    if (entry === undefined || index < 0) return
    entry.waiters.splice(index, 1)
    if (entry.waiters.length > 0 || entry.sent) return
    this.#asking.delete(key)
    this.#outbox.drop()
  }

  /** Ends the wait of those whose time is over at `now`; returns the next deadline. */
  expire(now: number, fault: () => Fault): number {
    let next = Number.POSITIVE_INFINITY
    for (const entry of this.#asking.values()) {
      for (const waiter of [...entry.waiters]) {
        if (waiter.deadline > now) {
          next = Math.min(next, waiter.deadline)
          continue
        }
        this.giveUp(entry.key, waiter)
        if (entry.refusal !== undefined) settle(waiter, entry.refusal)
        else fail(waiter, fault())
      }
    }
    return next
  }

  release(session: HeldSession): Promise<boolean> {
    if (session.state !== 'held' || this.#ended) return Promise.resolve(false)
    session.state = 'released'
    this.#held.delete(session.key)
    const reclaim = this.#reclaiming.size > 0 ? this.#reclaiming.get(session.key) : undefined
    if (reclaim !== undefined) {
      // The daemon said that it does not hold this session. The acquire that was to bring it back is now one
      // that nobody waits for.
      this.#reclaiming.delete(session.key)
      reclaim.session = undefined
      if (reclaim.sent) this.#asking.set(session.key, reclaim)
      else this.#outbox.drop()
      return Promise.resolve(false)
    }
    return new Promise(resolve => this.#giveBack(session, resolve))
  }

  releaseAll(): void {
    for (const session of this.#held.values()) void session.release()
  }

  /** The reply to an acquire that was granted. */
  granted(entry: AcquireEntry, token: string): void {
    const { key, session } = entry
    if (session !== undefined) {
      session.renew(token)
      this.#reclaiming.delete(key)
      return
    }
    this.#asking.delete(key)
    if (entry.waiters.length === 0) {
      this.#giveBack({ token }, undefined)
      return
    }
    const held = new HeldSession(this, key, entry.application, token)
    this.#held.set(key, held)
    const outcome = { granted: true, session: held } as const
    for (const waiter of entry.waiters) settle(waiter, outcome)
  }

  /**
   * The reply to an acquire that was refused. Where the daemon is stopping the acquire waits for its
   * successor, as long as the caller is willing to wait.
   */
  refused(entry: AcquireEntry, reason: RefusalReason, inUse: number, limit: number): void {
    const message = REFUSAL_MESSAGES[reason] ?? `The daemon refused with reason ${reason}.`
    const refusal: Refusal = { granted: false, reason, message, inUse, limit }
    if (reason === 'draining' && (entry.session !== undefined || entry.waiters.length > 0)) {
      entry.refusal = refusal
      entry.sent = false
      this.#outbox.enqueue(entry)
      return
    }
    this.#forget(entry)
    if (entry.session !== undefined) this.#lose(entry.session, reason, message)
    for (const waiter of entry.waiters) settle(waiter, refusal)
  }

  /** The reply to an acquire was an error. */
  failed(entry: AcquireEntry, fault: Fault): void {
    this.#forget(entry)
    if (entry.session !== undefined) this.#lose(entry.session, fault.code, fault.message)
    for (const waiter of entry.waiters) fail(waiter, fault)
  }

  /** The held sessions in portions for resume messages. */
  *resumable(maxFrameBytes: number): Generator<Map<string, HeldSession>> {
    let chunk = new Map<string, HeldSession>()
    let bytes = RESUME_OVERHEAD_BYTES
    for (const session of this.#held.values()) {
      if (this.#reclaiming.has(session.key)) continue
      // Quotes and a comma, and as many backslashes as there may be.
      const more = session.token.length * 2 + 3
      if (chunk.size > 0 && (chunk.size >= RESUME_CHUNK_LENGTH || bytes + more > maxFrameBytes)) {
        yield chunk
        chunk = new Map()
        bytes = RESUME_OVERHEAD_BYTES
      }
      chunk.set(session.token, session)
      bytes += more
    }
    if (chunk.size > 0) yield chunk
  }

  /** The reply to a resume: sessions that are unknown to the daemon are asked for again, before all others. */
  resumed({ sessions }: ResumeEntry, result: ResultOf<'session.resume'>): void {
    for (const [token, replacement] of Object.entries(result.replaced)) {
      sessions.get(token)?.renew(replacement)
    }
    const reclaims: AcquireEntry[] = []
    for (const token of result.unknown) {
      const session = sessions.get(token)
      if (session?.state !== 'held' || session.token !== token) continue
      const entry = acquireEntry(session.key, session.application, [], session)
      this.#reclaiming.set(session.key, entry)
      reclaims.push(entry)
    }
    this.#outbox.enqueueFirst(reclaims)
  }

  /**
   * The daemon released a session by itself. Returns the session, if it was held here. A session that was
   * granted while the journal could not be written is known here by a longer token, which begins with the
   * daemon's own.
   */
  endedByDaemon({ key, token }: NotificationParams<'session.ended'>): Session | undefined {
    const session = this.#held.get(key)
    if (session === undefined) return undefined
    if (session.token !== token && !session.token.startsWith(`${token}.`)) return undefined
    session.state = 'ended'
    this.#held.delete(key)
    return session
  }

  /** Fails all who wait. What was sent is still followed to its end. */
  failAll(fault: Fault): void {
    for (const entry of [...this.#asking.values()]) {
      for (const waiter of [...entry.waiters]) {
        this.giveUp(entry.key, waiter)
        fail(waiter, fault)
      }
    }
  }

  /** Nothing will be sent any more: later releases are answered `false`. */
  end(): void {
    this.#ended = true
    this.#asking.clear()
    this.#reclaiming.clear()
  }

  #giveBack(session: ReleaseEntry['session'], resolve: ReleaseEntry['resolve']): void {
    this.#outbox.enqueue({ kind: 'release', id: 0, session, resolve, repeated: false })
    this.#queued()
  }

  #forget(entry: AcquireEntry): void {
    if (entry.session === undefined) this.#asking.delete(entry.key)
    else this.#reclaiming.delete(entry.key)
  }

  #lose(session: HeldSession, reason: string, message: string): void {
    session.state = 'lost'
    this.#held.delete(session.key)
    this.#lost({ session, reason, message })
  }
}

function acquireEntry(
  key: string,
  application: string | undefined,
  waiters: Waiter[],
  session: HeldSession | undefined,
): AcquireEntry {
  return { kind: 'acquire', id: 0, key, application, waiters, session, sent: false, refusal: undefined }
}

function settle(waiter: Waiter, outcome: AcquireOutcome): void {
  waiter.unhook?.()
  waiter.resolve(outcome)
}

function fail(waiter: Waiter, reason: unknown): void {
  waiter.unhook?.()
  waiter.reject(reason)
}
