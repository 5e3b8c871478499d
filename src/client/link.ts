import { mayComeBack } from '../protocol/codes.ts'
import { backoffMs } from './backoff.ts'

/**
 * - `idle`: nothing was asked for yet
 * - `connecting`: a connection is being opened
 * - `handshaking`: it is open; `hello` was sent, and the held sessions are being taken back
 * - `ready`: requests flow
 * - `waiting`: there is no connection; the next attempt is due at a known instant
 * - `ended`: for good
 */
export type LinkState = 'idle' | 'connecting' | 'handshaking' | 'ready' | 'waiting' | 'ended'

/** What is due: open a connection, ask the peer for a sign of life, or give the connection up. */
export type LinkStep = 'connect' | 'ping' | 'drop'

export interface LinkTimes {
  /** From the start of a connection until its sessions are resumed. */
  readonly handshakeTimeoutMs: number
  /** A quiet connection is pinged after this. */
  readonly pingIntervalMs: number
  /** A peer that owes an answer and stays silent for this long is given up. */
  readonly silenceTimeoutMs: number
}

/** A connection that was ready for this long has proved itself: the next loss starts a new backoff. */
export const PROVEN_AFTER_MS = 1000

/**
 * When to connect, to doubt a connection and to come back: the state of one client's line to the daemon.
 * It does no I/O. Its owner tells it what happened and when, and asks `step` what is due.
 */
export class Link {
  readonly #times: LinkTimes
  readonly #random: () => number
  #state: LinkState = 'idle'
  #attempts = 0
  /** When the next attempt is due while waiting; when patience ends during the handshake. */
  #dueAt = Number.POSITIVE_INFINITY
  #readyAt = 0
  #heardAt = 0
  /** Since when the peer has owed an answer without a sign of life; infinite while it owes none. */
  #owedSince = Number.POSITIVE_INFINITY

  constructor(times: LinkTimes, random: () => number) {
    this.#times = times
    this.#random = random
  }

  get state(): LinkState {
    return this.#state
  }

  connecting(now: number): void {
    this.#become('connecting', now + this.#times.handshakeTimeoutMs)
  }

  /** The connection is open; the handshake goes on under the same deadline. */
  opened(): void {
    this.#become('handshaking', this.#dueAt)
  }

  ready(now: number): void {
    this.#readyAt = now
    this.#heardAt = now
    this.#become('ready', Number.POSITIVE_INFINITY)
  }

  /** Something was sent that the peer must answer. */
  asked(now: number): void {
    if (this.#owedSince === Number.POSITIVE_INFINITY) this.#owedSince = now
  }

  /** The peer gave a sign of life; `owes` says whether further answers are outstanding. */
  heard(now: number, owes: boolean): void {
    this.#heardAt = now
    this.#owedSince = owes ? now : Number.POSITIVE_INFINITY
  }

  /**
   * The connection ended, or could not be made (code 1006). Returns the milliseconds until the next
   * attempt, or `undefined` where there must not be one.
   */
  lost(code: number, now: number): number | undefined {
    if (this.#state === 'ready' && now - this.#readyAt >= PROVEN_AFTER_MS) this.#attempts = 0
    this.#owedSince = Number.POSITIVE_INFINITY
    if (!mayComeBack(code)) {
      this.end()
      return undefined
    }
    // A daemon that says it goes away is being restarted. Only the first time: one that says so at once
    // after each connection must not be hammered.
    const atOnce = code === 1001 && this.#attempts === 0
    const delayMs = atOnce ? 0 : backoffMs(this.#attempts, this.#random())
    this.#attempts++
    this.#become('waiting', now + delayMs)
    return delayMs
  }

  end(): void {
    this.#become('ended', Number.POSITIVE_INFINITY)
  }

  /** What is due at `now`, if anything. */
  step(now: number): LinkStep | undefined {
    if (now >= this.#dueAt) return this.#state === 'waiting' ? 'connect' : 'drop'
    if (this.#state !== 'ready') return undefined
    if (now >= this.#owedSince + this.#times.silenceTimeoutMs) return 'drop'
    if (this.#owedSince !== Number.POSITIVE_INFINITY) return undefined
    return now >= this.#heardAt + this.#times.pingIntervalMs ? 'ping' : undefined
  }

  /** The instant at which `step` must be asked again; infinite where only the outside can change things. */
  wakeAt(): number {
    if (this.#state !== 'ready') return this.#dueAt
    return this.#owedSince === Number.POSITIVE_INFINITY
      ? this.#heardAt + this.#times.pingIntervalMs
      : this.#owedSince + this.#times.silenceTimeoutMs
  }

  #become(state: LinkState, dueAt: number): void {
    this.#state = state
    this.#dueAt = dueAt
  }
}
