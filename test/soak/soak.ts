import { setTimeout as sleep } from 'node:timers/promises'
import { Seeded } from '../storm/seeded.ts'
import { DaemonProcess } from '../support/daemon.ts'
import { RawClient } from '../support/raw-client.ts'
import { Site, type TearDown } from '../support/site.ts'
import { until } from '../support/until.ts'
import { Calls } from './calls.ts'
import { Disturbances } from './disturbances.ts'
import { type Trend, trendsOf } from './flat.ts'
import { Latencies, type Sample, takeSample } from './sampler.ts'

const REPORT_HEAP = new URL('../daemon/report-heap.ts', import.meta.url).href
const MEAN_HOLD_MS = 300
const RESUME_WINDOW_MS = 5000
const PATIENCE_MS = 20_000

export interface SoakOptions {
  readonly seconds: number
  /** Calls a second. */
  readonly rate: number
  readonly seed: number
  /** Seconds between two samples. */
  readonly sampleEvery: number
  readonly onSample?: (sample: Sample) => void
}

export interface SoakResult {
  readonly seed: number
  readonly seconds: number
  readonly calls: Calls['counts']
  readonly disturbances: Disturbances['counts']
  /** By the daemon, at the end. */
  readonly status: { inUse: number; granted: number; released: number; peak: number; journal: string }
  readonly licensesTaken: number
  readonly trends: Trend[]
  readonly samples: Sample[]
}

/** Mixed load on a real daemon for a long time. After a tenth of it the samples count. */
export async function soak(t: TearDown, options: SoakOptions): Promise<SoakResult> {
  const { seconds, rate, seed, sampleEvery } = options
  const site = new Site(t, { sessions: { resumeWindowMs: RESUME_WINDOW_MS, maxPerClient: 10_000 } })
  // About as many calls are up as in the first of them: the limit is met all the time, in the other now and then.
  const usual = Math.ceil((rate * MEAN_HOLD_MS) / 1000)
  const limits = [usual, Math.ceil(usual * 1.5)] as const
  await site.license({ maxSessions: limits[1] })
  const daemon = await DaemonProcess.start(t, site, {
    nodeFlags: ['--max-semi-space-size=8', '--expose-gc', '--import', REPORT_HEAP],
  })
  const latencies = new Latencies()
  const socketPath = site.config.listen.unix.path
  const random = new Seeded(seed)
  const calls = new Calls({ socketPath, rate, meanHoldMs: MEAN_HOLD_MS, random, latencies })
  t.teardown(() => calls.close())
  const disturbances = new Disturbances(daemon, site, limits)
  const samples: Sample[] = []
  const startedAt = performance.now()
  const elapsed = () => (performance.now() - startedAt) / 1000
  let failed = false
  const accompany = async () => {
    for (let second = 0; elapsed() < seconds; second++) {
      await disturbances.second(second)
      if (second % sampleEvery === sampleEvery - 1) {
        const sample = await takeSample(daemon, site, latencies, elapsed())
        if (sample.atSeconds > seconds / 10) samples.push(sample)
        options.onSample?.(sample)
      }
      await sleep(Math.max(0, startedAt + (second + 1) * 1000 - performance.now()))
    }
    await disturbances.end()
  }
  const accompanied = accompany().catch(error => {
    failed = true
    throw error
  })
  await Promise.all([accompanied, calls.run(() => failed || elapsed() >= seconds)])
  await calls.close()
  return {
    ...{ seed, seconds: Math.round(elapsed()), calls: calls.counts, disturbances: disturbances.counts },
    status: await lastStatus(site),
    licensesTaken: daemon.log.filter(({ message }) => message.startsWith('A new license is in force')).length,
    ...{ trends: trendsOf(samples), samples },
  }
}

/** All holders are gone: it waits until the daemon let go of everything, or does not. */
async function lastStatus(site: Site): Promise<SoakResult['status']> {
  const client = await RawClient.open(site.socket)
  const status = () => client.call('status.get')
  await until('nothing is in use', async () => (await status()).inUse === 0, RESUME_WINDOW_MS + PATIENCE_MS)
  const { inUse, granted, released, peak, journal } = await status()
  await client.close()
  return { inUse, granted, released, peak, journal }
}
