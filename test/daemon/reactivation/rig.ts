import { join } from 'node:path'
import type { Clocks } from '../../../src/daemon/clocks.ts'
import type { Config } from '../../../src/daemon/config/schema.ts'
import { LicenseKeeper } from '../../../src/daemon/license/license-keeper.ts'
import { createLogger } from '../../../src/daemon/log.ts'
import { readIdentity } from '../../../src/daemon/machine/identity.ts'
import { Exchange } from '../../../src/daemon/reactivation/exchange.ts'
import {
  connectLicensingServer,
  type LicensingServer,
} from '../../../src/daemon/reactivation/licensing-server.ts'
import { RecordBook } from '../../../src/daemon/reactivation/record.ts'
import { StateStore } from '../../../src/daemon/state-store.ts'
import { startSite, type Site as VendorSite } from '../../licensing-server/http/site.ts'
import { makeMachineRoot } from '../../support/machine-root.ts'
import { Site, type TearDown } from '../../support/site.ts'
import { Front } from './front.ts'

/** The time at which tests begin. */
export const start = Date.parse('2026-11-24T12:00:00Z')

/** A vendor with a pool, behind a network whose weather the test makes, and one clock for all. */
export class World implements Clocks {
  readonly site: VendorSite
  readonly front: Front
  readonly t: TearDown
  #now = start
  #monotonic = 1_000_000

  private constructor(t: TearDown, site: VendorSite, front: Front) {
    this.t = t
    this.site = site
    this.front = front
    site.vendor.now = start
  }

  static async create(t: TearDown): Promise<World> {
    const site = await startSite(t)
    return new World(t, site, await Front.start(t, site.url))
  }

  readonly wallNow = (): number => this.#now
  readonly monotonicNow = (): number => this.#monotonic

  /** Time passes, here and at the vendor. */
  pass(ms: number): void {
    this.turn(ms)
    this.#monotonic += ms
    this.site.vendor.now += ms
  }

  /** Turns the clock of the machine alone, forward or back. */
  turn(ms: number): void {
    this.#now += ms
  }

  /** The configuration of one more machine. */
  machine(settings: { intervalSeconds?: number; owner?: Config['reactivation']['owner'] } = {}): Site {
    const { intervalSeconds = null, owner = 'daemon' } = settings
    const site = new Site(this.t, {
      licensingServer: { url: this.front.url, caFile: null, timeoutMs: 10_000 },
      reactivation: { owner, intervalSeconds },
    })
    site.config.machine.root = join(site.folder, 'root')
    makeMachineRoot(site.config.machine.root)
    return site
  }

  /** What a process of the machine works with, be it the daemon's or sessionctl's. */
  async open(site: Site = this.machine()): Promise<OpenMachine> {
    const { config } = site
    const state = new StateStore(site.stateFile, this.#now, () => undefined)
    const log = createLogger({ level: 'silent' })
    const keeper = await LicenseKeeper.open({ config, archive: state, clocks: this, log })
    const problems: { code: string }[] = []
    const book = new RecordBook(state, 'call-services')
    const exchange = new Exchange({
      installation: keeper,
      identify: () => readIdentity(config),
      book,
      now: this.wallNow,
      onProblem: problem => void problems.push(problem),
    })
    const settings = { url: this.front.url, caFile: null, timeoutMs: 10_000, environment: {} }
    const server = connectLicensingServer(() => settings)
    let closed = false
    const close = () => {
      if (closed) return
      closed = true
      keeper.close()
      state.close()
    }
    this.t.teardown(close)
    return { site, state, keeper, exchange, book, server, problems, close }
  }
}

export interface OpenMachine {
  readonly site: Site
  readonly state: StateStore
  readonly keeper: LicenseKeeper
  readonly exchange: Exchange
  readonly book: RecordBook
  readonly server: LicensingServer
  readonly problems: { code: string }[]
  close(): void
}

/** Nobody interrupts. */
export const signal = new AbortController().signal

export const nothing = { sessions: null, signal }
export const wanting = (sessions: number) => ({ sessions, signal })
