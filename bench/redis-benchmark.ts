import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Latencies, Load } from './load.ts'
import { LOAD_CORE, type Server } from './servers.ts'

/** Of a run that finds out how many requests fill the time. */
const TRIAL_REQUESTS = 20_000
const HOLDERS = 100_000

/** The semaphore by the load generator that comes with Redis, which acquires for holders at random. */
export async function runRedisBenchmark(server: Server, load: Load, seconds: number): Promise<Latencies> {
  const trial = await benchmark(server, load, TRIAL_REQUESTS)
  return benchmark(server, load, Math.ceil(trial.opsPerSecond * seconds))
}

async function benchmark(
  { socket, environment }: Server,
  { connections, depth }: Load,
  requests: number,
): Promise<Latencies> {
  const flags = ['-s', socket, '-c', connections, '-P', depth, '-n', requests, '-r', HOLDERS, '--csv'].map(
    String,
  )
  const command = ['EVALSHA', environment['REDIS_SHA']!, '1', 'sessions', '__rand_int__', String(HOLDERS)]
  const { stdout } = await promisify(execFile)('taskset', [
    '-c',
    LOAD_CORE,
    'redis-benchmark',
    ...flags,
    ...command,
  ])
  const [head = '', row = ''] = stdout.trim().split('\n').slice(-2)
  const values = row.slice(1, -1).split('","')
  const of = (name: string) => Number(values[head.slice(1, -1).split('","').indexOf(name)])
  return {
    opsPerSecond: of('rps'),
    p50: of('p50_latency_ms') * 1000,
    p99: of('p99_latency_ms') * 1000,
    p999: Number.NaN,
    max: of('max_latency_ms') * 1000,
  }
}
