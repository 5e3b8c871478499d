import type { Session } from '../../src/client/session.ts'
import { plain } from './answers.ts'
import { Caller } from './caller.ts'
import { Checker } from './checker.ts'
import { DaemonRun, type Surroundings } from './daemon.ts'
import { Disk, useDisk } from './disk.ts'
import { lastLicense, licenses } from './licenses.ts'
import { Machine } from './machine.ts'
import { EXPIRE_EVERY_MS, WINDOW_MS } from './numbers.ts'
import type { Parts } from './parts.ts'
import { CALLERS, type Step } from './plan.ts'
import { Random } from './random.ts'
import { Scheduler } from './scheduler.ts'
import { StateArchive } from './state-archive.ts'
import { Stranger } from './stranger.ts'
import { LAWS, Violation } from './violation.ts'
import { Wire } from './wire.ts'

/** After so long the kernel gives up a connection of which nothing is heard. */
const HALF_OPEN_MS = 4000
/** With all faults healed everything finds its end in this time: the longest backoff, a resume window and a call's patience. */
const RECOVERY_MS = 15_000

/** One machine with its daemon and its callers, and everything that happens to them. */
export class World {
  readonly scheduler = new Scheduler()
  readonly machine = new Machine(this.scheduler)
  readonly disk = new Disk()
  readonly archive = new StateArchive()
  readonly checker = new Checker(this.machine, this.disk)
  readonly callers: Caller[] = []
  readonly #parts: Parts
  readonly #seed: number
  readonly #trace: (line: string) => void
  readonly #random: Random
  readonly #wires: Wire[] = []
  daemon: DaemonRun | null = null
  #runs = 0
  #starting = false
  #startsInMs = 50
  #damage: Parameters<Disk['damage']>[0] | null = null
  #processes = 0

  constructor(seed: number, parts: Parts, trace: (line: string) => void) {
    this.#seed = seed
    this.#parts = parts
    this.#trace = line => trace(`${(this.scheduler.now - 1_000_000).toFixed(0).padStart(6)} ${line}`)
    this.#random = new Random(seed, 2)
    useDisk(this.disk)
  }

  /** The whole history: the steps, then recovery, then the end of all calls. */
  async live(steps: readonly Step[]): Promise<void> {
    const began = this.scheduler.now
    this.disk.layLicense(licenses[0]!.text)
    await this.#start()
    for (let index = 0; index < CALLERS; index++) this.callers.push(this.#caller(index))
    await this.scheduler.run(began + 100)
    for (const step of steps) this.scheduler.at(began + 100 + step.at, () => this.#take(step))
    await this.scheduler.run(began + 100 + (steps.at(-1)?.at ?? 0))
    await this.#recover()
    await this.#finish()
  }

  dispose(): void {
    if (this.daemon?.alive) {
      this.daemon.alive = false
      this.daemon.journal.close()
    }
    useDisk(null)
    this.disk.remove()
  }

  // ---- the daemon and its callers

  async #start(): Promise<void> {
    if (this.daemon?.alive === true) return
    if (this.#damage !== null) this.disk.damage(this.#damage, this.#random)
    this.#damage = null
    this.#runs++
    const { machine, disk, archive, checker } = this
    const world: Surroundings = {
      machine,
      disk,
      archive,
      checker,
      parts: this.#parts,
      random: new Random(this.#seed, 3, this.#runs),
      trace: this.#trace,
      onDeath: () => this.#died(),
    }
    this.#trace(`the daemon starts (run ${this.#runs})`)
    this.daemon = await DaemonRun.start(world, this.#runs, this.daemon)
    this.#starting = false
    this.#trace(`the daemon listens, ${this.daemon.counter.inUse} counted`)
  }

  #died(): void {
    this.#trace('the daemon is dead')
    if (this.#starting) return
    this.#starting = true
    this.scheduler.after(this.#startsInMs, () => this.#start())
  }

  #caller(index: number): Caller {
    const number = ++this.#processes
    const random = new Random(this.#seed, 4, number)
    return new Caller({
      name: `caller-${index}`,
      hasIdentity: index !== 2,
      process: this.machine.startProcess(random),
      random,
      scheduler: this.scheduler,
      clockRate: random.pick([1, 1, 0.98, 1.02]),
      connect: caller => this.#connect(caller),
      trace: this.#trace,
      onLost: (session, reason) => this.#lost(session, reason),
    })
  }

  #connect(caller: Caller): Wire | null {
    const { daemon } = this
    if (daemon === null || !daemon.alive) return null
    const id = this.#wires.length
    const wire: Wire = new Wire(
      id,
      caller.endOf(() => wire),
      this.scheduler,
      new Random(this.#seed, 5, id),
    )
    this.#wires.push(wire)
    daemon.accept(wire)
    return wire
  }

  /** A caller was told that its session is gone: it must have ended, or have been taken by a fault. */
  #lost(session: Session, reason: string): void {
    this.#trace(`${session.key} is lost: ${reason}`)
    const { checker } = this
    const token = plain(session.token)
    const counted = checker.book.held.get(token)
    // One that an earlier run told it of as gone may have come back with a journal that could not be written.
    if (counted !== undefined && !counted.ghost && !counted.revived) {
      throw new Violation(LAWS.lose, `${session.key} is counted, but its holder was told it is lost`)
    }
    if (!checker.book.ended.has(token) && !checker.book.lost.has(token)) {
      throw new Violation(LAWS.lose, `${session.key} is lost, and nothing took it`)
    }
  }

  // ---- the steps

  #take(step: Step): void | Promise<void> {
    const { act } = step
    this.#trace(`>> ${describe(step)}`)
    switch (act) {
      case 'acquire':
        return this.#caller_(step.caller).acquire(`key-${step.key}`, step.application, step.patienceMs)
      case 'release':
        return this.#caller_(step.caller).release(step.which)
      case 'cut':
        return this.#caller_(step.caller).wire?.cut()
      case 'half-open':
        return this.#halfOpen(this.#caller_(step.caller).wire)
      case 'pause':
        return this.#caller_(step.caller).pause(step.ms)
      case 'kill caller':
        return this.#killCaller(step.caller, step.startsInMs)
      case 'replay':
      case 'forge':
        return this.#intrude(act, step.caller, step.which)
      default:
        return this.#takeDaemons(step)
    }
  }

  #takeDaemons(step: Step): void | Promise<void> {
    switch (step.act) {
      case 'kill daemon':
        this.#startsInMs = step.startsInMs
        this.#damage = step.damage
        if (step.point === null) this.daemon?.kill()
        else if (this.daemon !== null) this.daemon.killAt = step.point
        return
      case 'stop daemon':
        this.#startsInMs = step.startsInMs
        return this.#stop(step.drainMs)
      case 'disk':
        this.disk.bytesLeft = step.bytesLeft
        return this.scheduler.after(step.ms, () => {
          this.disk.bytesLeft = null
        })
      case 'move journal':
        if (this.daemon?.alive) this.disk.moveJournal()
        return
      case 'license':
        return this.#layLicense(step.file)
      case 'licensing server':
        return this.scheduler.after(step.ms, () => this.#layLicense(step.file))
      default:
        return this.#takeMachines(step)
    }
  }

  #takeMachines(step: Step): void {
    const { machine, scheduler } = this
    if (step.act === 'wall clock') {
      machine.wallOffsetMs += step.byMs
      scheduler.after(step.ms, () => {
        machine.wallOffsetMs -= step.byMs
      })
    } else if (step.act === 'wall rate') machine.wallRate = step.rate
    else if (step.act === 'hide processes') {
      machine.processesSeen = false
      scheduler.after(step.ms, () => {
        machine.processesSeen = true
      })
    }
  }

  #caller_(index: number): Caller {
    return this.callers[index]!
  }

  /** Nothing is heard of the wire any more; much later the kernel gives it up. */
  #halfOpen(wire: Wire | null): void {
    if (wire === null) return
    wire.halfOpen = true
    this.scheduler.after(HALF_OPEN_MS, () => wire.giveUp())
  }

  #killCaller(index: number, startsInMs: number): void {
    const caller = this.#caller_(index)
    if (!caller.alive) return
    const heardAt = caller.kill()
    this.machine.endProcess(caller.process)
    // What it wrote lies in the daemon's sockets, which are read before the handshake of a later process is answered.
    this.scheduler.at(Math.max(heardAt, this.scheduler.now + startsInMs), () => {
      this.callers[index] = this.#caller(index)
    })
  }

  #stop(drainMs: number): void {
    const { daemon } = this
    if (daemon === null || !daemon.alive || daemon.draining) return
    daemon.drain()
    this.scheduler.after(drainMs, () => {
      if (daemon.alive) daemon.stop()
    })
  }

  #layLicense(file: number): void | Promise<void> {
    const { daemon } = this
    const license = licenses[file]!
    this.#trace(`the license file is ${license.name}`)
    this.disk.layLicense(license.text)
    return daemon?.alive ? daemon.judgeLicense() : undefined
  }

  /** A stranger sends a token once more, or one that he made up from one he saw. */
  #intrude(act: 'replay' | 'forge', index: number, which: number): void {
    const { daemon } = this
    if (daemon === null || !daemon.alive) return
    // One that a restart brought back is good again, for whoever has it.
    const { book } = this.checker
    const ended = [...book.ended.keys()].filter(token => !book.held.has(token)).at(-1 - which)
    const held = [...this.#caller_(index).core.sessions.values()][which]?.token
    const stranger = new Stranger()
    const wire = new Wire(
      this.#wires.length,
      stranger,
      this.scheduler,
      new Random(this.#seed, 6, this.#wires.length),
    )
    this.#wires.push(wire)
    daemon.accept(wire)
    stranger.intrude(wire, act, ended, held)
  }

  // ---- the end

  /** All faults end. */
  async #recover(): Promise<void> {
    const { scheduler, machine, disk } = this
    await scheduler.run(scheduler.now + 6600)
    this.#trace('-- all is well again')
    disk.bytesLeft = null
    machine.processesSeen = true
    machine.wallOffsetMs = 0
    this.#damage = null
    if (this.daemon !== null) this.daemon.killAt = null
    disk.layLicense(lastLicense.text)
    if (this.daemon?.alive) await this.daemon.judgeLicense()
    await scheduler.run(scheduler.now + RECOVERY_MS)
  }

  async #finish(): Promise<void> {
    const { scheduler, checker } = this
    const daemon = this.daemon!
    this.#must(daemon.alive, 'the daemon runs')
    this.#must(!daemon.journal.degraded, 'the journal is healed')
    this.#must(checker.licenses.inForce === lastLicense, 'the last license is in force')
    const held = new Set<string>()
    for (const caller of this.callers) {
      this.#must(caller.core.state === 'ready', `${caller.name} is connected (${caller.faults})`)
      this.#must(caller.answered === caller.asked, `every call of ${caller.name} is answered`)
      this.#must(caller.releasing === 0, `every release of ${caller.name} is answered`)
      for (const { token } of caller.core.sessions.values()) held.add(plain(token))
    }
    for (const token of held) this.#must(checker.book.held.has(token), `${token} of a caller is counted`)
    for (const { token, key } of checker.book.held.values())
      this.#must(held.has(token), `${key} is held by somebody`)
    this.#must(daemon.counter.orphaned === 0, 'nothing is orphaned')
    for (const caller of this.callers) while (caller.core.sessions.size > 0) caller.release(0)
    await scheduler.run(scheduler.now + 3000)
    this.#must(daemon.counter.inUse === 0, `the count returns to 0 from ${daemon.counter.inUse}`)
    for (const caller of this.callers) void caller.close(false)
    await scheduler.run(scheduler.now + WINDOW_MS + 4 * EXPIRE_EVERY_MS)
    this.#must(daemon.counter.clients === 0, `${daemon.counter.clients} clients are forgotten`)
    for (const { name, inUse, orphaned } of daemon.counter.applications) {
      this.#must(inUse === 0 && orphaned === 0, `${name} has no session`)
    }
    daemon.kill()
    await scheduler.run(scheduler.now + this.#startsInMs + 100)
    this.#must(this.daemon!.counter.inUse === 0, 'the journal is empty')
  }

  #must(holds: boolean, what: string): void {
    if (!holds) throw new Violation(LAWS.live, `with all faults healed it does not hold that ${what}`)
  }
}

function describe({ at: _at, act, ...more }: Step): string {
  const values = Object.entries(more).map(([name, value]) => `${name} ${value}`)
  return [act, ...values].join(', ')
}
