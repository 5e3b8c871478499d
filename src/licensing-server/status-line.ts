import type { LicensingService, Readiness } from './service.ts'

/** Between two looks at ledger and issuing certificate. */
const LOOK_EVERY_MS = 5000

/** Knows what was last seen of ledger and issuing certificate, for whoever cannot wait for an answer. */
export class ReadinessWatch {
  readonly #service: Pick<LicensingService, 'readiness'>
  readonly #timer: NodeJS.Timeout
  #last: Readiness | null = null
  #isLooking = false

  constructor(service: Pick<LicensingService, 'readiness'>, lookEveryMs = LOOK_EVERY_MS) {
    this.#service = service
    this.#timer = setInterval(() => void this.look(), lookEveryMs).unref()
  }

  get last(): Readiness | null {
    return this.#last
  }

  /** A ledger that hangs is asked once, not again and again. */
  async look(): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    this.#last = await this.#service.readiness()
    this.#isLooking = false
  }

  close(): void {
    clearInterval(this.#timer)
  }
}

/**
 * How the server is, in one line, such as `ready; https://192.0.2.1:443; 12 licenses since the start`.
 *
 * @param licenses given out since the start, each counted once
 */
export function statusLine(readiness: Readiness | null, url: string, licenses: number): string {
  const problem = readiness?.ledgerProblem ?? readiness?.issuerProblem ?? null
  const state = readiness === null ? 'starting' : readiness.ready ? 'ready' : `not ready: ${problem}`
  return `${state}; ${url}; ${licenses} ${licenses === 1 ? 'license' : 'licenses'} since the start`
}
