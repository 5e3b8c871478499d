import { type Counter, collectDefaultMetrics, type Gauge, type Histogram } from 'prom-client'
import { Exposition, type Page } from '../../exposition.ts'
import type { Answer, Readiness } from '../service.ts'
import type { LimitName } from './limits.ts'

/** What the server counts. Every label has few values. */
export class Metrics {
  readonly #exposition = new Exposition('licensing_server')
  readonly #requests: Counter<'route' | 'method' | 'status'>
  readonly #seconds: Histogram<'route'>
  readonly #licenses: Counter<'repeated'>
  readonly #confirmations: Counter
  readonly #refusals: Counter<'code'>
  readonly #wrongKeys: Counter
  readonly #limited: Counter<'limit'>
  readonly #ready: Gauge
  readonly #issuerEnd: Gauge
  #licensesGiven = 0

  constructor(version: string) {
    const exposition = this.#exposition
    collectDefaultMetrics({ register: exposition.registry })
    // Gauges that are named like counters, which `promtool check metrics` refuses.
    for (const name of ['handles', 'requests', 'resources']) {
      exposition.registry.removeSingleMetric(`nodejs_active_${name}_total`)
    }
    exposition.gauge('info', 'The version that runs; always 1.', ['version']).set({ version }, 1)
    this.#requests = exposition.counter('http_requests_total', 'HTTP requests that were answered.', [
      'route',
      'method',
      'status',
    ])
    this.#seconds = exposition.histogram(
      'http_request_duration_seconds',
      'Time from the head of a request to the end of its answer.',
      ['route'],
      [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    )
    this.#licenses = exposition.counter('licenses_issued_total', 'Licenses that were given out.', [
      'repeated',
    ])
    this.#confirmations = exposition.counter('confirmations_total', 'Confirmed deactivations.')
    this.#refusals = exposition.counter('refusals_total', 'Machine requests that were refused.', ['code'])
    this.#wrongKeys = exposition.counter(
      'wrong_keys_total',
      'Installation keys that were shown and do not exist.',
    )
    this.#limited = exposition.counter('limited_requests_total', 'Requests that came too often.', ['limit'])
    this.#ready = exposition.gauge('ready', '1 where the server reaches its ledger and can sign.')
    this.#issuerEnd = exposition.gauge(
      'issuer_valid_until_timestamp_seconds',
      'Last instant of the issuing certificate; 0 where there is none.',
    )
  }

  answered(request: { route: string; method: string; status: number; seconds: number }): void {
    const { route, method, status, seconds } = request
    this.#requests.inc({ route, method, status: String(status) })
    this.#seconds.observe({ route }, seconds)
  }

  /** Licenses since the start; one that was asked for again counts once. */
  get licensesGiven(): number {
    return this.#licensesGiven
  }

  decided(answer: Answer): void {
    if (answer.kind === 'license') {
      this.#licenses.inc({ repeated: String(answer.repeated) })
      if (!answer.repeated) this.#licensesGiven++
    } else if (answer.kind === 'confirmed') this.#confirmations.inc()
    else this.#refusals.inc({ code: answer.refusal.code })
  }

  wrongKey(): void {
    this.#wrongKeys.inc()
  }

  limited(limit: LimitName): void {
    this.#limited.inc({ limit })
  }

  /** The exposition, in OpenMetrics where that is accepted. */
  render(readiness: Readiness, openMetrics: boolean): Promise<Page> {
    const { ready, issuerValidUntil } = readiness
    this.#ready.set(ready ? 1 : 0)
    this.#issuerEnd.set(issuerValidUntil === null ? 0 : Date.parse(issuerValidUntil) / 1000)
    return this.#exposition.render(openMetrics)
  }
}
