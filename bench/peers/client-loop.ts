// A call process that has so many calls under way all the time: each takes a session, gives it back, and begins anew.
// Prints pairs a second and the latency of the acquire in microseconds, after a second that is not counted.
//
//   client-loop ioredis|sessiond|sessiond-unbatched SOCKET IN_FLIGHT SECONDS
import { createHistogram } from 'node:perf_hooks'
import { Redis } from 'ioredis'
import { SessionClient } from '../../dist/client/index.js'

const [kind, socketPath, inFlight, seconds] = process.argv.slice(2) as [string, string, string, string]
const WARM_UP_MS = 1000

interface Caller {
  acquire(key: string): Promise<() => Promise<unknown>>
  close(): Promise<unknown>
}

function sessiond(batching: boolean): Caller {
  const client = new SessionClient({ socketPath, batching })
  return {
    async acquire(key) {
      const outcome = await client.acquire({ key })
      if (!outcome.granted) throw new Error(outcome.message)
      return () => outcome.session.release()
    },
    close: () => client.close(),
  }
}

/** The semaphore of semaphore.lua. */
function redis(): Caller {
  const client = new Redis({ path: socketPath, enableAutoPipelining: true })
  const sha = process.env['REDIS_SHA']!
  return {
    async acquire(key) {
      if ((await client.evalsha(sha, 1, 'sessions', key, '100000')) !== 1) throw new Error('Not granted.')
      return () => client.srem('sessions', key)
    },
    close: () => client.quit(),
  }
}

const caller = kind === 'ioredis' ? redis() : sessiond(kind === 'sessiond')
const latency = createHistogram()
let pairs = 0
let isMeasuring = false
let isOver = false

async function call(lane: number): Promise<void> {
  for (let serial = 0; !isOver; serial++) {
    const beganAt = process.hrtime.bigint()
    const release = await caller.acquire(`call-${lane}-${serial}`)
    if (isMeasuring) latency.record(process.hrtime.bigint() - beganAt)
    await release()
    if (isMeasuring) pairs++
  }
}

const calls = Array.from({ length: Number(inFlight) }, (_, lane) => call(lane))
await new Promise(resolve => setTimeout(resolve, WARM_UP_MS))
isMeasuring = true
const cpuBefore = process.cpuUsage()
const beganAt = performance.now()
await new Promise(resolve => setTimeout(resolve, Number(seconds) * 1000))
isMeasuring = false
const elapsed = (performance.now() - beganAt) / 1000
const cpu = process.cpuUsage(cpuBefore)
isOver = true
await Promise.all(calls)
await caller.close()
const micros = (percent: number) => latency.percentile(percent) / 1000
process.stdout.write(
  JSON.stringify({
    pairsPerSecond: pairs / elapsed,
    p50: micros(50),
    p99: micros(99),
    p999: micros(99.9),
    cpuMicros: (cpu.user + cpu.system) / pairs,
  }),
)
