import type { DaemonProcess } from '../support/daemon.ts'
import { RawClient } from '../support/raw-client.ts'
import type { Site } from '../support/site.ts'

const HELD = 10

/** All that happens to a daemon besides calls. Each is done once a period; a fault of it fails the soak. */
export class Disturbances {
  readonly counts = {
    statuses: 0,
    scrapes: 0,
    licenses: 0,
    reloads: 0,
    reconnects: 0,
    resumed: 0,
    granted: 0,
  }
  readonly #daemon: DaemonProcess
  readonly #site: Site
  readonly #limits: readonly [number, number]
  #wanderer: RawClient | null = null

  /** @param limits of the licenses that replace each other */
  constructor(daemon: DaemonProcess, site: Site, limits: readonly [number, number]) {
    this.#daemon = daemon
    this.#site = site
    this.#limits = limits
  }

  /** What is done in the n-th second. */
  async second(n: number): Promise<void> {
    await this.#readStatus()
    await this.#scrape()
    await this.#reconnect()
    if (n % 5 === 2) this.#reload()
    if (n % 5 === 4) await this.#changeLicense()
  }

  async end(): Promise<void> {
    await this.#wanderer?.cut()
  }

  async #readStatus(): Promise<void> {
    const client = await RawClient.open(this.#site.socket)
    const { inUse, limit, journal } = await client.call('status.get')
    if (journal !== 'ok') throw new Error(`The journal is ${journal}`)
    if (inUse > Math.max(...this.#limits)) throw new Error(`${inUse} in use, ${limit} licensed`)
    await client.close()
    this.counts.statuses++
  }

  async #scrape(): Promise<void> {
    const { operations } = await this.#daemon.logged('Metrics and probes are served.')
    const { port } = operations as { port: number }
    const answer = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { connection: 'close' } })
    const text = await answer.text()
    if (!answer.ok || !text.includes('sessiond_')) throw new Error(`No metrics: ${answer.status} ${text}`)
    this.counts.scrapes++
  }

  /** A client whose connection breaks, and who takes its sessions back. */
  async #reconnect(): Promise<void> {
    await this.#wanderer?.cut()
    const client = await RawClient.open(this.#site.socket)
    this.#wanderer = client
    await client.call('hello', { clientId: 'wanderer', clientSecret: 'the-secret-of-the-wanderer' })
    this.counts.resumed += (await client.call('session.resume')).resumed
    for (let index = 0; index < HELD; index++) {
      const { granted, repeated, token } = await client.call('session.acquire', { key: `wanderer/${index}` })
      if (granted && !repeated) this.counts.granted++
      // Every other one is given back, so that there is always something new.
      if (granted && (index + this.counts.reconnects) % 2 === 0)
        await client.call('session.release', { token })
    }
    this.counts.reconnects++
  }

  #reload(): void {
    this.#daemon.child.kill('SIGHUP')
    this.counts.reloads++
  }

  async #changeLicense(): Promise<void> {
    await this.#site.license({ maxSessions: this.#limits[this.counts.licenses++ % 2]! })
  }
}
