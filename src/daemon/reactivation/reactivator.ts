import { join } from 'node:path'
import { Fault, messageOf } from '../../errors.ts'
import { formatInstant } from '../../license/instant.ts'
import type { Lifecycle } from '../../license/lifecycle.ts'
import type { Logger } from '../../log.ts'
import type { Config } from '../config/schema.ts'
import { Exchange, type ExchangeParts, type Installation, type Outcome, troubleOf } from './exchange.ts'
import { exchangeLockFile, lockExchange } from './exchange-lock.ts'
import { connectLicensingServer, type LicensingServer } from './licensing-server.ts'
import {
  blankRecord,
  type OutcomeKind,
  type ReactivationRecord,
  type RecordArchive,
  RecordBook,
} from './record.ts'
import { firstBackoffMs, maxBackoffMs, nextAttemptAt } from './schedule.ts'

export interface ReactivatorParts {
  readonly config: Config
  readonly installation: Installation & { readonly lifecycle: Lifecycle }
  readonly identify: ExchangeParts['identify']
  readonly archive: RecordArchive
  readonly clocks: { readonly wallNow: () => number; readonly monotonicNow: () => number }
  readonly log: Logger
}

/** Who reactivates from time to time. */
export type Owner = Config['reactivation']['owner']

/** What `status.get` tells of reactivation. Instants in ISO 8601. */
export interface ReactivationView {
  owner: Owner
  lastAttemptAt: string | null
  lastSuccessAt: string | null
  lastOutcome: OutcomeKind | null
  lastMessage: string | null
  failures: number
  nextAttemptAt: string | null
}

/** When the next attempt is made: by the wall clock, or by the other where that was turned back. */
interface Plan {
  readonly at: number
  readonly dueAt: number
}

/**
 * Reactivates from time to time, where that is the daemon's task. The schedule is decided in schedule.ts; this
 * keeps the plan, makes one attempt at a time, and logs when the outcome becomes another.
 */
export class Reactivator {
  /** Attempts that came to an end since the daemon started, whoever made them. */
  readonly outcomes: Record<OutcomeKind, number> = {
    refreshed: 0,
    deactivated: 0,
    refused: 0,
    unreachable: 0,
    failed: 0,
  }
  readonly #parts: ReactivatorParts
  readonly #server: LicensingServer
  readonly #book: RecordBook
  readonly #exchange: Exchange
  readonly #abort = new AbortController()
  #config: Config
  #seen: ReactivationRecord = blankRecord
  #plan: Plan | null = null
  #plannedFor = ''
  #running: Promise<void> | null = null
  /** Times in a row that the state could not be used; until then, by the monotonic clock, it is left alone. */
  #pauses = 0
  #pausedUntil = 0
  #told: string | null = null
  /** When the last attempt was made that is among the outcomes, or came before them; not known before the first look. */
  #countedAt: number | null | undefined = undefined

  constructor(parts: ReactivatorParts) {
    this.#parts = parts
    const { installation, identify, archive, clocks, log } = parts
    this.#config = parts.config
    this.#book = new RecordBook(archive, installation.licensed.product)
    this.#exchange = new Exchange({
      installation,
      identify,
      book: this.#book,
      now: clocks.wallNow,
      onProblem: ({ code, message }) => log.warn({ code }, `A revocation list was not kept. ${message}`),
    })
    this.#server = connectLicensingServer(() => {
      const { url, caFile, timeoutMs } = this.#config.licensingServer
      // The owner is `off` where there is no server, so nothing asks.
      if (url === null) throw new TypeError('No licensing server is configured.')
      return { url, caFile, timeoutMs, environment: process.env }
    })
  }

  /** There is nobody to ask where no server is configured. */
  get owner(): Owner {
    const { reactivation, licensingServer } = this.#config
    return licensingServer.url === null ? 'off' : reactivation.owner
  }

  get view(): ReactivationView {
    const { last, succeededAt, past } = this.#look()
    return {
      owner: this.owner,
      lastAttemptAt: last === null ? null : formatInstant(last.at),
      lastSuccessAt: succeededAt === null ? null : formatInstant(succeededAt),
      lastOutcome: last?.kind ?? null,
      lastMessage: last?.message ?? null,
      failures: past.failures,
      nextAttemptAt: this.#plan === null ? null : formatInstant(this.#plan.at),
    }
  }

  /** The record; where it cannot be read now, as it was last, since status and metrics tell of much else besides. */
  #look(): ReactivationRecord {
    try {
      this.#seen = this.#book.read()
    } catch {
      // The next tick meets the same trouble, and tells of it.
    }
    return this.#seen
  }

  /** Follows a configuration that was loaded again. */
  reload(config: Config): void {
    this.#config = config
    this.tick()
  }

  /** Call about once a second. Never throws. */
  tick(): void {
    const { wallNow, monotonicNow } = this.#parts.clocks
    if (this.#running !== null || this.#abort.signal.aborted || monotonicNow() < this.#pausedUntil) return
    try {
      this.#replan()
      const plan = this.#plan
      if (plan === null || (wallNow() < plan.at && monotonicNow() < plan.dueAt)) return
      const unlock = lockExchange(join(this.#config.stateDirectory, exchangeLockFile))
      // Somebody runs `sessionctl reactivate`: what that brings changes the plan.
      if (unlock === null) return
      this.#running = this.#attempt().finally(() => {
        unlock()
        this.#running = null
      })
    } catch (error) {
      this.#pause(error)
    }
  }

  /** Waits until no attempt is under way. */
  async idle(): Promise<void> {
    await this.#running
  }

  /** Ends what is under way, and begins nothing more. */
  async stop(): Promise<void> {
    this.#abort.abort(new Error('sessiond stops'))
    await this.idle()
  }

  /** Makes a plan anew where what it rests on has changed: license, past, or configuration. */
  #replan(): void {
    const { installation, clocks } = this.#parts
    const { license, identity, lifecycle } = installation
    const isLost = license === null && identity !== null
    const urgent = lifecycle.state !== 'active'
    const { version, past, last, confirmedLicenseId } = this.#book.read()
    this.#count(last)
    const { intervalSeconds } = this.#config.reactivation
    const basis = JSON.stringify([license?.licenseId, isLost, urgent, version, this.owner, intervalSeconds])
    if (basis === this.#plannedFor) return
    this.#plannedFor = basis
    const now = clocks.wallNow()
    const intervalMs = intervalSeconds === null ? null : intervalSeconds * 1000
    const random = Math.random()
    const at =
      this.owner === 'daemon'
        ? nextAttemptAt({ license, isLost, urgent, confirmedLicenseId, past, intervalMs, now, random })
        : null
    this.#plan = at === null ? null : { at, dueAt: clocks.monotonicNow() + at - now }
  }

  /** Attempts of other processes are seen by what they wrote down. */
  #count(last: { readonly at: number; readonly kind: OutcomeKind } | null): void {
    const at = last?.at ?? null
    if (last !== null && this.#countedAt !== undefined && at !== this.#countedAt) this.outcomes[last.kind]++
    this.#countedAt = at
  }

  async #attempt(): Promise<void> {
    try {
      const ask = { sessions: null, signal: this.#abort.signal }
      this.#tell(await this.#exchange.reactivate(this.#server, ask))
      this.#replan()
      this.#pauses = 0
    } catch (error) {
      this.#pause(error)
    }
  }

  /** The state directory cannot be used, so nothing can be written down: without a pause it would be tried at once. */
  #pause(error: unknown): void {
    const { clocks, log } = this.#parts
    const pauseMs = Math.min(maxBackoffMs, firstBackoffMs * 2 ** this.#pauses++)
    this.#pausedUntil = clocks.monotonicNow() + pauseMs
    const hint = error instanceof Fault ? error.hint : undefined
    log.error({ error, hint, pauseMs }, `The reactivation could not be carried out: ${messageOf(error)}`)
  }

  #tell(outcome: Outcome): void {
    const { log } = this.#parts
    if (this.#abort.signal.aborted) return
    const { code, message, hint } = troubleOf(outcome)
    const key = `${outcome.kind} ${code}`
    const isNews = key !== this.#told
    this.#told = key
    if (outcome.kind === 'refreshed') {
      log[isNews ? 'info' : 'debug']({ outcome: outcome.kind }, 'Reactivated.')
      return
    }
    const cause = outcome.kind === 'failed' && code === 'internal-error' ? { error: outcome.cause } : {}
    const level = isNews ? 'warn' : 'debug'
    log[level]({ outcome: outcome.kind, code, hint, ...cause }, `Reactivation: ${message}`)
  }
}
