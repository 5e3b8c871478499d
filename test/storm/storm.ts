import { setTimeout as sleep } from 'node:timers/promises'
import { DaemonProcess, openClient, type ProcessOptions } from '../support/daemon.ts'
import { Site, type TearDown } from '../support/site.ts'
import { until } from '../support/until.ts'
import { type Book, compareBooks, type JournalRow } from './book.ts'
import { type Kind, StormCaller } from './caller.ts'
import { readJournalCopy } from './journal-copy.ts'
import { Overlap } from './overlap.ts'
import { Seeded } from './seeded.ts'

const LIMIT = 60
const KINDS: readonly Kind[] = ['named', 'unnamed', 'named', 'library']
/** Together more than there is, so that the limit is met all the time. */
const HOLD_EACH = 20
/** Notes in the books between two kills, about: the moment is measured by what was done, not by a clock. */
const MIN_NOTES = 1
const MAX_NOTES = 600
const BYTES_A_NOTE = 40
const MAX_LOAD_MS = 5000
const KILLED_AT_START = 0.1
const MAX_START_MS = 250
const CALLER_KILLED = 0.08
/** Above the resume window: for a machine that is busy. */
const PATIENCE_MS = 20_000
const RESTORED = 'Sessions of the last run are counted'

export interface StormOptions {
  readonly kills: number
  readonly seed: number
  readonly resumeWindowMs?: number
  /** After so many kills the load stops for a while, and the count must be that of the books. */
  readonly settleEvery?: number
  /** Another daemon than the one that ships. */
  readonly daemon?: ProcessOptions
  /** Asked after each round: ends the storm before all its kills are done. */
  readonly isOver?: () => boolean
  readonly onKill?: (kill: number, result: StormResult) => void
}

export interface StormResult {
  readonly seed: number
  /** Of the daemon, and how many of them hit it while it started. */
  kills: number
  killsAtStart: number
  callerKills: number
  settlements: number
  granted: number
  released: number
  denied: number
  /** Requests that were in flight at a kill, and sessions that were held, summed over the kills. */
  inFlight: number
  compared: number
  mostAtOnce: number
  /** Kills that came so late, on a busy machine, that the resume window had passed: not judged for losses. */
  late: number
  readonly limit: number
  readonly wrong: string[]
  seconds: number
}

/** Kills the daemon again and again, until something is wrong or `kills` are done. */
export async function storm(t: TearDown, options: StormOptions): Promise<StormResult> {
  const rig = new Storm(t, options)
  const startedAt = performance.now()
  await rig.start()
  const isOver = () => rig.result.kills >= options.kills || (options.isOver?.() ?? false)
  while (!isOver() && rig.result.wrong.length === 0) {
    await rig.round()
    options.onKill?.(rig.result.kills, rig.result)
  }
  if (rig.result.wrong.length === 0) await rig.end()
  rig.result.seconds = Math.round(performance.now() - startedAt) / 1000
  return rig.result
}

class Storm {
  readonly result: StormResult
  readonly #t: TearDown
  readonly #options: StormOptions
  readonly #site: Site
  readonly #random: Seeded
  readonly #overlap = new Overlap()
  readonly #callers: StormCaller[] = []
  readonly #buried: StormCaller[] = []
  #daemon!: DaemonProcess
  #names = 0
  /** In the journal at the last kill. */
  #rows = 0
  /** By the daemon that runs. */
  #restored = 0
  /** Until then every session waits for its holder; later, only those that were resumed are there for certain. */
  #windowEndsAt = Number.POSITIVE_INFINITY

  constructor(t: TearDown, options: StormOptions) {
    this.#t = t
    this.#options = options
    this.#random = new Seeded(options.seed)
    const { resumeWindowMs = 10_000 } = options
    this.#site = new Site(t, { sessions: { resumeWindowMs, maxPerClient: 1000 } })
    this.result = {
      ...{ seed: options.seed, kills: 0, killsAtStart: 0, callerKills: 0, settlements: 0 },
      ...{ granted: 0, released: 0, denied: 0, inFlight: 0, compared: 0, mostAtOnce: 0, late: 0 },
      ...{ limit: LIMIT, wrong: [], seconds: 0 },
    }
  }

  async start(): Promise<void> {
    await this.#site.license({ maxSessions: LIMIT })
    // The first one leaves its compiled code for the others.
    const first = await this.#launch()
    await first.stop()
    this.#daemon = await this.#launch()
    for (const kind of KINDS) this.#addCaller(kind)
    await Promise.all(this.#callers.map(caller => caller.ready()))
    this.#windowEndsAt = Number.POSITIVE_INFINITY
  }

  /** Load, a kill at a moment of the seed, the books, and the next daemon. */
  async round(): Promise<void> {
    for (const caller of this.#callers) caller.go()
    const notes = this.#random.spread(MIN_NOTES, MAX_NOTES)
    const victim = this.#random.chance(CALLER_KILLED) ? this.#random.below(this.#callers.length) : -1
    const part = this.#random.next()
    await this.#load(notes * part)
    if (victim >= 0) await this.#killCaller(victim)
    await this.#load(notes * (1 - part))
    await this.#kill()
    if (this.#random.chance(KILLED_AT_START) && this.result.kills < this.#options.kills) {
      this.#windowEndsAt = this.#windowFromNow()
      this.#daemon = DaemonProcess.launch(this.#t, this.#site, this.#options.daemon)
      await sleep(this.#random.next() * MAX_START_MS)
      this.result.killsAtStart++
      await this.#kill()
    }
    this.#daemon = await this.#launch()
    if (victim >= 0) this.#addCaller(this.#buried.at(-1)!.kind)
    const { kills } = this.result
    if (this.result.wrong.length === 0 && kills % (this.#options.settleEvery ?? 100) === 0)
      await this.#settle()
  }

  /** Waits until the callers made so many notes. The library comes back first and would make all of them alone. */
  async #load(notes: number): Promise<void> {
    const callers = this.#callers.filter(({ kind }) => kind !== 'library')
    const written = () => sum(callers.map(caller => caller.written))
    const enough = written() + notes * BYTES_A_NOTE
    const end = performance.now() + MAX_LOAD_MS
    while (written() < enough && performance.now() < end) await sleep(1)
  }

  /** All callers are killed: the count must come to 0 by itself. */
  async end(): Promise<void> {
    await this.#settle()
    while (this.#callers.length > 0) await this.#killCaller(0)
    await this.#countIs(0, 'all call processes are dead')
    await this.#kill()
    const left = readJournalCopy(this.#site)
    if (left.length > 0) this.#wrong(`${left.length} sessions are left in the journal`)
  }

  /** The next daemon counts what the journal holds, no more and no less. */
  async #launch(): Promise<DaemonProcess> {
    this.#windowEndsAt = this.#windowFromNow()
    const daemon = await DaemonProcess.start(this.#t, this.#site, this.#options.daemon)
    this.#restored = Number(daemon.log.find(({ message }) => message.startsWith(RESTORED))?.['sessions'] ?? 0)
    if (this.#restored !== this.#rows)
      this.#wrong(`${this.#restored} of ${this.#rows} sessions were restored`)
    return daemon
  }

  #addCaller(kind: Kind): void {
    const caller = new StormCaller(this.#t, this.#site, kind, `${kind}-${++this.#names}`, HOLD_EACH)
    this.#callers.push(caller)
  }

  async #killCaller(index: number): Promise<void> {
    const [caller] = this.#callers.splice(index, 1)
    await caller!.kill()
    this.#buried.push(caller!)
    this.result.callerKills++
  }

  /** Kills the daemon and compares the books of both sides, before anybody speaks to the next one. */
  async #kill(): Promise<void> {
    await this.#daemon.kill()
    this.result.kills++
    await Promise.all(this.#callers.map(caller => caller.ended()))
    this.#compare()
  }

  #compare(): void {
    const all = [...this.#callers, ...this.#buried]
    this.#overlap.take(all.flatMap(caller => caller.read()))
    const rows = readJournalCopy(this.#site)
    this.#rows = rows.length
    const books = all.map(({ book }) => book)
    if (performance.now() > this.#windowEndsAt) this.#excuse(books, rows)
    this.result.wrong.push(...compareBooks(books, rows, LIMIT))
    this.result.compared += sum(books.map(({ held }) => held.size))
    this.result.inFlight += sum(books.map(({ inFlight }) => inFlight))
    this.result.granted = sum(books.map(({ counts }) => counts.granted))
    this.result.released = sum(books.map(({ counts }) => counts.released))
    this.result.denied = sum(books.map(({ counts }) => counts.denied))
    this.result.mostAtOnce = this.#overlap.most
    if (this.#overlap.most > LIMIT) this.#wrong(`${this.#overlap.most} were held at one instant`)
    for (const deed of ['lost', 'revived', 'twice'] as const) {
      for (const { client, counts } of books) {
        if (counts[deed] > 0) this.#wrong(`${client} was told of ${counts[deed]} sessions: ${deed}`)
      }
    }
  }

  /** The machine was so busy that the window passed: what is gone was let go by right. Told in the result. */
  #excuse(books: readonly Book[], rows: readonly JournalRow[]): void {
    this.result.late++
    const there = new Set(rows.map(({ key }) => key))
    for (const { held, counts } of books) {
      for (const key of held.keys()) if (!there.has(key)) held.delete(key)
      counts.lost = 0
    }
  }

  #windowFromNow(): number {
    return performance.now() + this.#site.config.sessions.resumeWindowMs
  }

  /** The load stops, and what is counted is what the books say, once those of dead processes are gone. */
  async #settle(): Promise<void> {
    for (const caller of this.#callers) caller.go()
    await Promise.all(this.#callers.map(caller => caller.pause()))
    for (const caller of [...this.#callers, ...this.#buried]) caller.read()
    const held = sum(this.#callers.map(({ book }) => book.held.size))
    await this.#countIs(held, 'nothing is in flight')
    for (const { book } of this.#buried) book.forget()
    this.#windowEndsAt = Number.POSITIVE_INFINITY
    this.result.settlements++
  }

  async #countIs(count: number, when: string): Promise<void> {
    const observer = await openClient(this.#t, this.#site.socket)
    const status = () => observer.call('status.get')
    const { resumeWindowMs } = this.#site.config.sessions
    try {
      await until(
        `${count} in use`,
        // Who was cut off by the last kill may be on the way back; whoever does not come is let go, and then missing.
        async () => {
          const { inUse, orphaned } = await status()
          return inUse === count && orphaned === 0
        },
        resumeWindowMs + PATIENCE_MS,
      )
      const { granted, released, orphaned } = await status()
      if (orphaned > 0) this.#wrong(`${orphaned} are orphaned while ${when}`)
      // A release counts once, and so does the end of a session whose holder is gone.
      if (this.#restored + granted - released !== count) {
        this.#wrong(
          `${this.#restored} restored, ${granted} granted and ${released} released do not make ${count}`,
        )
      }
    } catch {
      const { inUse, orphaned } = await status()
      this.#wrong(`${inUse} in use, ${orphaned} of them orphaned, and not ${count} held while ${when}`)
    }
    await observer.cut()
  }

  #wrong(what: string): void {
    this.result.wrong.push(what)
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
