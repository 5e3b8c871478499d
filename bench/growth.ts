import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { RawClient } from '../test/support/raw-client.ts'
import { Holders } from './holders.ts'
import { type Load, type Measurement, runLoad } from './load.ts'
import { type Spread, spreadOf } from './report.ts'
import { SERVER_CORE, type SessiondServer, startSessiond } from './servers.ts'

/** How an operation and the memory of the daemon grow with the sessions that are held meanwhile. */
export interface GrowthRow {
  readonly held: number
  /** To a daemon that holds nothing else, of the same round. */
  readonly ratio: { readonly opsPerSecond: Spread; readonly cpuMicros: Spread; readonly p50: Spread }
  readonly rssMiB: number
  /** Beyond the memory with as good as nothing held; null where there is nothing to divide by. */
  readonly bytesPerSession: number | null
}

export interface GrowthOptions {
  readonly generator: string
  /** Rising; the last is what the license is for, less what the load needs. */
  readonly levels: readonly number[]
  readonly rounds: number
  readonly time: { seconds: number; warmupSeconds: number }
  readonly onProgress: (text: string) => void
}

const LOAD: Load = { connections: 10, depth: 32, batch: 1, rate: 0 }
const PER_CONNECTION = 10_000
/** The most that a license can be for in one claim. */
const SESSIONS = 1_000_000

export async function measureGrowth(options: GrowthOptions): Promise<GrowthRow[]> {
  const { generator, levels, rounds, time, onProgress } = options
  const empty = await startSessiond({ name: 'empty', sessions: SESSIONS })
  const full = await startSessiond({ name: 'full', sessions: SESSIONS })
  const holders = new Holders()
  try {
    const run = (server: SessiondServer) => runLoad(generator, server, LOAD, time)
    await run(empty)
    await run(full)
    const rows: GrowthRow[] = []
    let base: GrowthRow | null = null
    for (const held of levels) {
      onProgress(`${held} sessions held`)
      await holders.holdUntil(held, full.socket, PER_CONNECTION)
      const pairs: [Measurement, Measurement][] = []
      for (let round = 0; round < rounds; round++) pairs.push([await run(empty), await run(full)])
      const ratio = (key: keyof Measurement) => spreadOf(pairs.map(([one, other]) => other[key] / one[key]))
      const rssMiB = Math.max(...pairs.map(([, { rssMiB }]) => rssMiB))
      const more: number = base === null ? 0 : held - base.held
      const row: GrowthRow = {
        held,
        ratio: {
          opsPerSecond: ratio('opsPerSecond'),
          cpuMicros: ratio('cpuMicros'),
          p50: ratio('p50'),
        },
        rssMiB,
        bytesPerSession: base === null || more === 0 ? null : ((rssMiB - base.rssMiB) * 1_048_576) / more,
      }
      base ??= row
      rows.push(row)
    }
    return rows
  } finally {
    await holders.leave()
    await Promise.all([empty.stop(), full.stop()])
  }
}

/** Milliseconds from a `kill -9` to the first session that the daemon's successor grants, for each count in its journal. */
export interface RestartRow {
  readonly journalled: number
  readonly grantsAfterMs: Spread
  /** To the first count, of the same round. */
  readonly more: Spread
  /** To a Node.js that starts, does nothing and ends, of the same round. */
  readonly ofNode: Spread
}

const TRY_EVERY_MS = 2
const GIVE_UP_MS = 20_000

export async function measureRestart(
  counts: readonly number[],
  rounds: number,
  onProgress: (text: string) => void,
): Promise<RestartRow[]> {
  const times = counts.map((): number[] => [])
  const ratios = counts.map((): number[] => [])
  for (const [index, count] of counts.entries()) {
    let server = await startSessiond({ name: 'restarted', sessions: SESSIONS })
    const holders = new Holders()
    try {
      await holders.holdUntil(count, server.socket, PER_CONNECTION)
      for (let round = 0; round < rounds; round++) {
        onProgress(`restart with ${count} sessions: round ${round + 1} of ${rounds}`)
        const nodeMs = await runEmptyNode()
        const last = await RawClient.open({ path: server.socket })
        const [next, ms] = await Promise.all([server.restart(), grantAgain(server.socket, last)])
        server = next
        times[index]!.push(ms)
        ratios[index]!.push(ms / nodeMs)
      }
    } finally {
      await holders.leave()
      await server.stop()
    }
  }
  return counts.map((journalled, index) => ({
    journalled,
    grantsAfterMs: spreadOf(times[index]!),
    more: spreadOf(times[index]!.map((ms, round) => ms - times[0]![round]!)),
    ofNode: spreadOf(ratios[index]!),
  }))
}

/** Milliseconds that Node.js takes on the servers' core for a program without a line. */
async function runEmptyNode(): Promise<number> {
  const beganAt = performance.now()
  const child = spawn('taskset', ['-c', SERVER_CORE, process.execPath, '-e', ''], { stdio: 'ignore' })
  await once(child, 'exit')
  return performance.now() - beganAt
}

/** Asks until somebody grants, from when the connection to the one that is killed ends. */
async function grantAgain(path: string, last: RawClient): Promise<number> {
  await last.closed
  const beganAt = performance.now()
  for (;;) {
    try {
      const client = await RawClient.open({ path })
      await client.acquireAll([`again-${beganAt}`])
      const ms = performance.now() - beganAt
      await client.cut()
      return ms
    } catch (error) {
      // Nobody listens yet, or the one that does is the one that dies.
      if (performance.now() - beganAt > GIVE_UP_MS) throw error
      await new Promise(resolve => setTimeout(resolve, TRY_EVERY_MS))
    }
  }
}
