import { Counter, Gauge, Histogram, Registry, type RegistryContentType } from 'prom-client'

/** One figure at the time of a scrape. */
export interface Sample<Label extends string = string> {
  readonly labels?: Readonly<Partial<Record<Label, string>>>
  readonly value: number
}

/** Times that something took, counted by buckets; see `sampledHistogram`. */
export interface Tally {
  /** Upper bounds of the buckets, in seconds, from the smallest. */
  readonly bounds: readonly number[]
  /** How often for each bucket alone, and last for what is above all of them. */
  readonly counts: readonly number[]
  /** Seconds together. */
  readonly sum: number
}

/** The text of a scrape. */
export interface Page {
  readonly contentType: string
  readonly text: string
}

/** The metrics of one program, and the only place that knows the library which writes them out. */
export class Exposition {
  readonly registry: Registry<RegistryContentType>
  readonly #prefix: string
  #rendering: Promise<unknown> = Promise.resolve()

  /**
   * @param prefix of the name of each metric, such as `sessiond`
   * @param partOf writes these out with its own
   */
  constructor(prefix: string, partOf?: Exposition) {
    this.#prefix = prefix
    this.registry = partOf?.registry ?? new Registry()
  }

  counter<Label extends string>(name: string, help: string, labelNames: Label[] = []): Counter<Label> {
    return new Counter({ ...this.#named(name, help), labelNames })
  }

  gauge<Label extends string>(name: string, help: string, labelNames: Label[] = []): Gauge<Label> {
    return new Gauge({ ...this.#named(name, help), labelNames })
  }

  histogram<Label extends string>(
    name: string,
    help: string,
    labelNames: Label[],
    buckets: number[],
  ): Histogram<Label> {
    return new Histogram({ ...this.#named(name, help), labelNames, buckets })
  }

  /** A gauge whose figures are read at each scrape; what is not among them is not shown. */
  sampledGauge<Label extends string>(
    name: string,
    help: string,
    labelNames: Label[],
    read: () => Iterable<Sample<Label>>,
  ): void {
    const gauge = new Gauge({
      ...this.#named(name, help),
      labelNames,
      collect() {
        gauge.reset()
        // A gauge without labels is 0 after that, instead of not there.
        if (labelNames.length === 0) gauge.remove()
        for (const { labels, value } of read()) gauge.set(labels ?? {}, value)
      },
    })
  }

  /** A counter that is kept elsewhere and read at each scrape. */
  sampledCounter<Label extends string>(
    name: string,
    help: string,
    labelNames: Label[],
    read: () => Iterable<Sample<Label>>,
  ): void {
    const counter = new Counter({
      ...this.#named(name, help),
      labelNames,
      collect() {
        counter.reset()
        for (const { labels, value } of read()) counter.inc(labels ?? {}, value)
      },
    })
  }

  sampledHistogram(name: string, help: string, tally: Tally): void {
    new TalliedHistogram({ ...this.#named(name, help), buckets: [...tally.bounds] }, tally)
  }

  /** The exposition, in OpenMetrics where that is accepted. */
  render(openMetrics: boolean): Promise<Page> {
    // The format is a property of the registry, so that two scrapes must not overlap.
    const rendered = this.#rendering.then(() => this.#render(openMetrics))
    this.#rendering = rendered.catch(() => undefined)
    return rendered
  }

  async #render(openMetrics: boolean): Promise<Page> {
    const { registry } = this
    registry.setContentType(
      openMetrics ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE,
    )
    // To write OpenMetrics the library takes `_total` away from the names of counters, and for good.
    const metrics = registry.getMetricsAsArray() as { name: string }[]
    const names = metrics.map(({ name }) => name)
    try {
      return { contentType: registry.contentType, text: await registry.metrics() }
    } finally {
      for (const [index, metric] of metrics.entries()) metric.name = names[index]!
    }
  }

  #named(name: string, help: string) {
    return { name: `${this.#prefix}_${name}`, help, registers: [this.registry] }
  }
}

/** A histogram whose buckets are counted elsewhere, many observations at a time. */
class TalliedHistogram extends Histogram {
  readonly #tally: Tally

  constructor(configuration: ConstructorParameters<typeof Histogram>[0], tally: Tally) {
    super(configuration)
    this.#tally = tally
  }

  /** What the registry asks for, instead of `get`, to write a histogram out. */
  async getForPromString(): Promise<object> {
    const { name, help } = this as unknown as { name: string; help: string }
    const { bounds, counts, sum } = this.#tally
    let count = 0
    const values = [...bounds, '+Inf'].map((le, index) => {
      count += counts[index]!
      return { labels: { le }, value: count, metricName: `${name}_bucket` }
    })
    values.push({ labels: {}, value: sum, metricName: `${name}_sum` } as never)
    values.push({ labels: {}, value: count, metricName: `${name}_count` } as never)
    return { name, help, type: 'histogram', values, aggregator: 'sum' }
  }
}
