import { defaultConfig } from '../../src/daemon/config/keys.ts'
import type { Config } from '../../src/daemon/config/schema.ts'
import type { Connection, PendingFrame } from '../../src/daemon/gateway/connection.ts'
import { type RequestContext, Requests } from '../../src/daemon/gateway/requests.ts'
import type { Turn } from '../../src/daemon/gateway/turn.ts'
import type { Journal } from '../../src/daemon/journal/journal.ts'
import type { LicenseStore } from '../../src/daemon/license/license-store.ts'
import { LicenseTimekeeper } from '../../src/daemon/license/license-time.ts'
import { Overdue } from '../../src/daemon/overdue.ts'
import { noteStanding } from '../../src/daemon/restore-sessions.ts'
import { openTokenSigners, sealToken } from '../../src/daemon/token-keys.ts'
import { encodeNotification, parseFrame } from '../../src/protocol/messages.ts'
import { NOTIFICATIONS, type NotificationName, type NotificationParams } from '../../src/protocol/schemas.ts'
import type { Client } from '../../src/session/client-table.ts'
import type { SessionCounter } from '../../src/session/counter.ts'
import type { EndedSession, SessionPolicy } from '../../src/session/policy.ts'
import type { Checker } from './checker.ts'
import type { Disk } from './disk.ts'
import './known-signatures.ts'
import { machine as fingerprinted } from './licenses.ts'
import type { Machine } from './machine.ts'
import { BRIEF_MS, EXPIRE_EVERY_MS, IVR_MAX, LOOK_EVERY_MS, WINDOW_MS } from './numbers.ts'
import type { Parts } from './parts.ts'
import type { Random } from './random.ts'
import { connectionOver } from './socket.ts'
import type { StateArchive } from './state-archive.ts'
import type { Wire } from './wire.ts'

const ADVANCE_EVERY_MS = 60_000

/** Where in a turn the daemon is killed. */
export type KillPoint = 'before the commit' | 'after the commit' | 'between the replies'

export interface Surroundings {
  readonly machine: Machine
  readonly disk: Disk
  readonly archive: StateArchive
  readonly checker: Checker
  readonly parts: Parts
  readonly random: Random
  readonly trace: (line: string) => void
  /** The process is dead. */
  readonly onDeath: () => void
}

export const config: Config = {
  ...defaultConfig(),
  applications: {
    ivr: { max: IVR_MAX, feature: null, maxDurationSeconds: null },
    brief: { max: null, feature: null, maxDurationSeconds: BRIEF_MS / 1000 },
  } as unknown as Config['applications'],
}
config.sessions.resumeWindowMs = WINDOW_MS

interface Arrival {
  readonly connection: Connection
  readonly text: string
}

/**
 * One run of the daemon: counter, journal, license, requests and turns are the real ones. What the wiring of
 * src/daemon does with sockets and timers is done here with wires and simulated time, in the same order.
 */
export class DaemonRun {
  readonly counter: SessionCounter
  readonly journal: Journal
  readonly store: LicenseStore
  alive = true
  killAt: KillPoint | null = null
  readonly #world: Surroundings
  readonly #instanceId: string
  readonly #turn: Turn
  readonly #requests: Requests
  readonly #timekeeper: LicenseTimekeeper
  readonly #overdue: Overdue
  readonly #connections = new Map<Connection, Wire>()
  readonly #byClient = new Map<Client, Connection>()
  #inbox: Arrival[] = []
  #turnIsDue = false
  /** Turns end when the simulation says so, never by an immediate of this process. */
  #ending = false
  #written = 0
  #draining = false

  /** Gives a run that listens. */
  static async start(world: Surroundings, run: number, before: DaemonRun | null): Promise<DaemonRun> {
    // To judge a license costs more than all else in a short run. What came of it is kept in most restarts: the
    // same files would be judged the same.
    if (before !== null && world.random.chance(0.75)) {
      const again = await before.store.reload()
      if (again.outcome === 'accepted') before.#timekeeper.witness(Date.parse(again.license.issuedAt))
      return new DaemonRun(world, run, before.store, before.#timekeeper, true)
    }
    const { machine, disk, archive, parts } = world
    const clocks = { wallNow: () => machine.wallNow, monotonicNow: () => machine.monotonicNow }
    const timekeeper = new LicenseTimekeeper(archive, clocks)
    const store = parts.store({
      file: disk.licensePath,
      version: config.product.version,
      machine: fingerprinted,
      archive,
      now: () => timekeeper.now(),
      nowAfter: issuedAt => timekeeper.nowAfter(issuedAt),
    })
    const reload = await store.open()
    if (reload.outcome === 'accepted') timekeeper.witness(Date.parse(reload.license.issuedAt))
    return new DaemonRun(world, run, store, timekeeper, false)
  }

  private constructor(
    world: Surroundings,
    run: number,
    store: LicenseStore,
    timekeeper: LicenseTimekeeper,
    isJudged: boolean,
  ) {
    const { machine, disk, archive, parts, trace } = world
    this.#world = world
    this.#instanceId = `run-${run}`
    this.store = store
    this.#timekeeper = timekeeper
    this.#overdue = new Overdue(machine.watchProcess, machine.monotonicNow)
    const ids = { bootId: 'this boot', instanceId: this.#instanceId }
    this.journal = parts.journal({
      path: disk.journalPath,
      ...ids,
      wallNow: () => machine.wallNow,
      // So soon, and in so many turns, that other things happen meanwhile.
      compaction: { minBytes: 1500, placesInATurn: 2 },
      events: {
        setAside: (_to, why) => trace(`the journal is set aside: ${why.slice(0, 60)}`),
        degraded: why => {
          noteStanding(archive, true)
          // The folder has another name each time, and the history is to be the same.
          trace(`the journal is degraded: ${why.replaceAll(disk.directory, '').slice(0, 60)}`)
        },
        healed: () => {
          noteStanding(archive, false)
          trace('the journal is healed')
        },
        notCompacted: why => trace(`the journal is not made anew: ${why.slice(0, 60)}`),
      },
    })
    const signers = openTokenSigners(archive, ids, this.journal)
    const { random } = world
    const nonces = () => random.below(2 ** 24) * 2 ** 24 + random.below(2 ** 24)
    this.counter = parts.counter({ policy: this.#policy(), nonces, previousSigner: signers.previous })
    this.#turn = parts.turn({
      now: () => machine.monotonicNow,
      commit: () => this.#commit(),
      onSent: () => undefined,
      maxBufferedBytes: config.bounds.maxBufferedBytes,
      onSlowReader: connection => this.#end(connection, 'slow-reader'),
    })
    this.seal = held =>
      this.journal.degraded ? sealToken(held, signers.current(), machine.monotonicNow) : held.token
    this.#requests = new Requests(this.#context())
    this.#restore(isJudged, signers.begin)
    this.#every(EXPIRE_EVERY_MS, () => this.#expire())
    this.#every(LOOK_EVERY_MS, () => this.#look())
    this.#every(ADVANCE_EVERY_MS, () => timekeeper.advance())
  }

  readonly seal: ConstructorParameters<typeof Connection>[2]['seal']

  // ---- what the world does to it

  accept(wire: Wire): void {
    const connection: Connection = connectionOver(
      wire,
      texts => this.#write(connection, wire, texts),
      this.seal,
    )
    this.#connections.set(connection, wire)
    wire.daemon = {
      receive: text => this.#arrived({ connection, text }),
      hungUp: () => this.#hungUp(connection),
    }
  }

  /** The license file changed, or the licensing server answered. */
  async judgeLicense(): Promise<void> {
    const reload = await this.store.reload()
    if (reload.outcome === 'accepted') this.#timekeeper.witness(Date.parse(reload.license.issuedAt))
    this.#world.checker.licenseJudged(this)
    if (this.alive) this.#look()
  }

  /** SIGTERM: nothing new is granted, and then it ends in order. */
  drain(): void {
    this.#draining = true
    this.counter.drain()
    this.#world.checker.drained()
    this.#notify('draining', { closesInMs: 1000 })
    this.#finish()
  }

  stop(): void {
    for (const connection of this.#connections.keys()) connection.shut(1001, 'going away')
    this.journal.commit(this.counter)
    this.kill()
  }

  /** `kill -9`: what was committed stays, what was written to sockets still arrives. */
  kill(): void {
    if (!this.alive) return
    this.alive = false
    this.#world.disk.leave()
    this.journal.close()
    for (const wire of this.#connections.values()) wire.daemonLeaves()
    this.#world.checker.died(this)
    this.#world.onDeath()
  }

  /** Which clients' connections it has. */
  get connections(): number {
    return this.#connections.size
  }

  // ---- frames and turns

  #arrived(arrival: Arrival): void {
    if (!this.alive) return
    this.#inbox.push(arrival)
    if (this.#turnIsDue) return
    this.#turnIsDue = true
    this.#world.machine.scheduler.after(this.#world.random.below(3), () => this.#runTurn())
  }

  #runTurn(): void {
    this.#turnIsDue = false
    if (!this.alive) return
    const arrivals = this.#inbox
    this.#inbox = []
    for (const { connection, text } of arrivals) {
      if (!connection.open) continue
      const now = this.#turn.begin()
      const frame = this.#answer(connection, text, now)
      if (frame !== null && connection.say(frame)) this.#turn.speaks(connection)
    }
    this.#finish()
  }

  #answer(connection: Connection, text: string, now: number): PendingFrame | null {
    const incoming = parseFrame(text, config.bounds.maxBatchLength)
    const { checker } = this.#world
    const wire = this.#connections.get(connection)!
    const answerOne = (item: Parameters<Requests['answer']>[1]) => {
      const reply = this.#requests.answer(connection, item, now)
      checker.carriedOut(this, wire.id, item, reply)
      return reply
    }
    if (!Array.isArray(incoming)) return answerOne(incoming)
    const replies = incoming.map(answerOne).filter(reply => reply !== null)
    return replies.length > 0 ? replies : null
  }

  #finish(): void {
    this.#written = 0
    this.#ending = true
    this.#turn.finish()
    this.#ending = false
    if (this.alive) this.#world.checker.turnEnded(this)
  }

  #commit(): void {
    if (!this.#ending || !this.alive) return
    if (this.killAt === 'before the commit') this.kill()
    else {
      this.journal.commit(this.counter)
      if (this.killAt === 'after the commit') this.kill()
    }
  }

  #write(connection: Connection, wire: Wire, texts: string[]): void {
    if (!this.alive || !connection.open) return
    if (this.killAt === 'between the replies' && ++this.#written > 1) {
      this.kill()
      return
    }
    for (const text of texts) {
      this.#world.checker.replied(text)
      wire.toClient(text)
    }
  }

  // ---- connections

  #context(): RequestContext {
    return {
      counter: this.counter,
      wallNow: () => this.#world.machine.wallNow,
      recordRelease: () => true,
      notifyEnded: ended => this.#notifyEnded(ended),
      policy: () => this.#policy(),
      accessToken: () => null,
      version: '0.0.0',
      instanceId: this.#instanceId,
      bounds: () => config.bounds,
      status: () => ({ inUse: this.counter.inUse }) as never,
      license: () => ({ limit: this.counter.limit }) as never,
      watchProcess: this.#world.machine.watchProcess,
      onAttached: (connection, client, superseded) => this.#attached(connection, client, superseded),
    }
  }

  #attached(connection: Connection, client: Client, superseded: boolean): void {
    const older = this.#byClient.get(client)
    this.#byClient.set(client, connection)
    if (superseded && older !== undefined) this.#end(older, 'superseded')
  }

  /** The close frame is out; the socket ends a moment later. */
  #end(connection: Connection, cause: 'superseded' | 'slow-reader'): void {
    connection.close(cause)
    this.#world.machine.scheduler.after(this.#world.random.below(20), () => this.#hungUp(connection))
  }

  #hungUp(connection: Connection): void {
    const wire = this.#connections.get(connection)
    if (!this.alive || wire === undefined) return
    connection.open = false
    this.#connections.delete(connection)
    const { client } = connection
    if (client === null) return
    const now = this.#turn.begin()
    if (this.#byClient.get(client) === connection) this.#byClient.delete(client)
    this.counter.detach(client, connection.attachment, now)
    const { process } = client
    const { machine, checker } = this.#world
    if (process !== null && machine.watchProcess(process) === 'dead') this.counter.releaseDead(process)
    checker.hungUp(this, wire.id)
    this.#finish()
  }

  #notify<N extends NotificationName>(name: N, params: NotificationParams<N>): void {
    const text = encodeNotification(name, params)
    const { topic } = NOTIFICATIONS[name]
    for (const connection of this.#connections.keys()) {
      if (connection.topics.has(topic) && connection.say(text)) this.#turn.speaks(connection)
    }
  }

  // ---- time

  #every(ms: number, act: () => void): void {
    const again = () => {
      if (!this.alive) return
      act()
      this.#every(ms, act)
    }
    this.#world.machine.scheduler.after(ms, again)
  }

  #restore(isJudged: boolean, noteRun: () => void): void {
    const { archive, machine, checker, parts } = this.#world
    const notes = { archive, log: { info: () => undefined }, noteRun }
    parts.restore(this.journal, this.counter, notes, machine.monotonicNow)()
    checker.started(this, isJudged)
  }

  #expire(): void {
    const { ended } = this.#overdue.end(this.counter, this.#world.machine.monotonicNow)
    this.#world.checker.expired(this)
    this.#notifyEnded(ended)
    if (this.counter.hasChanges) this.#finish()
  }

  #notifyEnded(ended: readonly EndedSession[]): void {
    for (const { client, token, key, cause } of ended) {
      const connection = this.#byClient.get(client)
      if (connection === undefined || !connection.topics.has('session')) continue
      if (cause !== 'max-duration' && cause !== 'operator') continue
      if (connection.say(encodeNotification('session.ended', { token, key, cause })))
        this.#turn.speaks(connection)
    }
  }

  #look(): void {
    if (this.journal.lost) this.journal.abandon()
    this.journal.heal(this.counter)
    this.counter.setPolicy(this.#policy())
    this.#world.checker.looked(this)
  }

  #policy(): SessionPolicy {
    return this.#world.parts.policyOf(this.store.license, this.store.lifecycle(), config)
  }

  get draining(): boolean {
    return this.#draining
  }
}
