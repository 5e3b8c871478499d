import { execFile, execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
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
}

/** What one run measured. Latencies in microseconds, of a frame in the closed loop, of an acquire in the open. */
export interface Measurement {
  readonly opsPerSecond: number
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly max: number
  readonly granted: number
  readonly denied: number
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
  const { connections, depth, batch, rate, applications = 0 } = load
  const { seconds, warmupSeconds } = time
  const numbers = [connections, depth, batch, seconds, warmupSeconds, rate, applications].map(String)
  const before = cpuTicks(server.pid)
  const { stdout } = await promisify(execFile)(
    'taskset',
    ['-c', LOAD_CORE, generator, server.socket, server.protocol, ...numbers],
    { env: { ...process.env, ...server.environment } },
  )
  const ticks = cpuTicks(server.pid) - before
  const result = JSON.parse(stdout) as Omit<Measurement, 'cpuMicros' | 'rssMiB'>
  const operations = result.opsPerSecond * (time.seconds + time.warmupSeconds)
  return { ...result, cpuMicros: (ticks * TICK_MICROS) / operations, rssMiB: rssMiB(server.pid) }
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
