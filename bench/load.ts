import { execFile, execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { runRedisBenchmark } from './redis-benchmark.ts'
import { LOAD_CORE, type Server } from './servers.ts'

/** What the generator is to do; see load.c. */
export interface Load {
  readonly connections: number
  /** Frames outstanding on each connection. */
  readonly depth: number
  /** Requests in a frame. */
  readonly batch: number
  /** Calls a second in the open loop; 0 for the closed loop. */
  readonly rate: number
  /** Applications that the calls name in turns; they name none where it is left out. */
  readonly applications?: number
  /** By the load generator that comes with Redis, which knows no 99.9th percentile. Default: ours. */
  readonly generator?: 'redis-benchmark'
}

/** What a generator measured. Latencies in microseconds, of a frame in the closed loop, of an acquire in the open. */
export interface Latencies {
  readonly opsPerSecond: number
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

export interface Measurement extends Latencies {
  /** User and system time of the server for each operation, warm-up included. */
  readonly cpuMicros: number
  readonly rssMiB: number
}

const TICK_MICROS = 10_000

export function buildGenerator(directory: string): string {
  const program = join(directory, 'load')
  const source = join(import.meta.dirname, 'load.c')
  execFileSync('cc', ['-O2', '-Wall', '-o', program, source, '-lm'], { stdio: 'inherit' })
  return program
}

export async function runLoad(
  generator: string,
  server: Server,
  load: Load,
  time: { seconds: number; warmupSeconds: number },
): Promise<Measurement> {
  const before = cpuTicks(server.pid)
  const result =
    load.generator === 'redis-benchmark'
      ? await runRedisBenchmark(server, load, time.seconds + time.warmupSeconds)
      : await runOurs(generator, server, load, time)
  const ticks = cpuTicks(server.pid) - before
  const operations = result.opsPerSecond * (time.seconds + time.warmupSeconds)
  return { ...result, cpuMicros: (ticks * TICK_MICROS) / operations, rssMiB: rssMiB(server.pid) }
}

async function runOurs(
  generator: string,
  server: Server,
  load: Load,
  time: { seconds: number; warmupSeconds: number },
): Promise<Latencies> {
  const { connections, depth, batch, rate, applications = 0 } = load
  const { seconds, warmupSeconds } = time
  const numbers = [connections, depth, batch, seconds, warmupSeconds, rate, applications].map(String)
  const { stdout } = await promisify(execFile)(
    'taskset',
    ['-c', LOAD_CORE, generator, server.socket, server.protocol, ...numbers],
    { env: { ...process.env, ...server.environment } },
  )
  return JSON.parse(stdout) as Latencies
}

function cpuTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}

function rssMiB(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))
  return Number(line?.[1]) / 1024
}
