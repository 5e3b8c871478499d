import {
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  Registry,
  type RegistryContentType,
} from 'prom-client'
import type { Answer, Readiness } from '../service.ts'
import type { LimitName } from './limits.ts'

/** What the server counts; the only place that knows the metrics library. Every label has few values. */
export class Metrics {
  readonly #registry = new Registry<RegistryContentType>()
  readonly #requests: Counter<'route' | 'method' | 'status'>
  readonly #seconds: Histogram<'route'>
  readonly #licenses: Counter<'repeated'>
  readonly #confirmations: Counter
  readonly #refusals: Counter<'code'>
  readonly #wrongKeys: Counter
  readonly #limited: Counter<'limit'>
  readonly #ready: Gauge
  readonly #issuerEnd: Gauge
  #rendering: Promise<unknown> = Promise.resolve()

  constructor(version: string) {
    const registers = [this.#registry]
    const counter = <Label extends string>(name: string, help: string, labelNames: Label[] = []) =>
      new Counter({ name: `licensing_server_${name}`, help, labelNames, registers })
    const gauge = (name: string, help: string) =>
      new Gauge({ name: `licensing_server_${name}`, help, registers })
    collectDefaultMetrics({ register: this.#registry })
    // Gauges that are named like counters, which `promtool check metrics` refuses.
    for (const name of ['handles', 'requests', 'resources']) {
      this.#registry.removeSingleMetric(`nodejs_active_${name}_total`)
    }
    new Gauge({
      name: 'licensing_server_info',
      help: 'The version that runs; always 1.',
      labelNames: ['version'],
      registers,
    }).set({ version }, 1)
    this.#requests = counter('http_requests_total', 'HTTP requests that were answered.', [
      'route',
      'method',
      'status',
    ])
    this.#seconds = new Histogram({
      name: 'licensing_server_http_request_duration_seconds',
      help: 'Time from the head of a request to the end of its answer.',
      labelNames: ['route'],
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
      registers,
    })
    this.#licenses = counter('licenses_issued_total', 'Licenses that were given out.', ['repeated'])
    this.#confirmations = counter('confirmations_total', 'Confirmed deactivations.')
    this.#refusals = counter('refusals_total', 'Machine requests that were refused.', ['code'])
    this.#wrongKeys = counter('wrong_keys_total', 'Installation keys that were shown and do not exist.')
    this.#limited = counter('limited_requests_total', 'Requests that came too often.', ['limit'])
    this.#ready = gauge('ready', '1 where the server reaches its ledger and can sign.')
    this.#issuerEnd = gauge(
      'issuer_valid_until_timestamp_seconds',
      'Last instant of the issuing certificate; 0 where there is none.',
    )
  }

  answered(request: { route: string; method: string; status: number; seconds: number }): void {
    const { route, method, status, seconds } = request
    this.#requests.inc({ route, method, status: String(status) })
    this.#seconds.observe({ route }, seconds)
  }

  decided(answer: Answer): void {
    if (answer.kind === 'license') this.#licenses.inc({ repeated: String(answer.repeated) })
    else if (answer.kind === 'confirmed') this.#confirmations.inc()
    else this.#refusals.inc({ code: answer.refusal.code })
  }

  wrongKey(): void {
    this.#wrongKeys.inc()
  }

  limited(limit: LimitName): void {
    this.#limited.inc({ limit })
  }

  /** The exposition, in OpenMetrics where that is accepted. */
  render(readiness: Readiness, openMetrics: boolean): Promise<{ contentType: string; text: string }> {
    const { ready, issuerValidUntil } = readiness
    this.#ready.set(ready ? 1 : 0)
    this.#issuerEnd.set(issuerValidUntil === null ? 0 : Date.parse(issuerValidUntil) / 1000)
    // The format is a property of the registry, so that two scrapes must not overlap.
    const rendered = this.#rendering.then(async () => {
      this.#registry.setContentType(
        openMetrics ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE,
      )
      return { contentType: this.#registry.contentType, text: await this.#registry.metrics() }
    })
    this.#rendering = rendered.catch(() => undefined)
    return rendered
  }
}
