import { readdirSync, statSync } from 'node:fs'
import type { DaemonProcess } from '../support/daemon.ts'
import type { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

/** One look at the daemon: sizes in bytes, times in milliseconds. */
export interface Sample {
  readonly atSeconds: number
  readonly residentBytes: number
  /** What the daemon refers to, after a collection; see test/daemon/report-heap.ts. */
  readonly liveBytes: number
  readonly openFiles: number
  readonly journalBytes: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** What is measured outside of the daemon: how long an acquire took, in milliseconds. */
export class Latencies {
  #taken: number[] = []

  take(ms: number): void {
    this.#taken.push(ms)
  }

  /** Of those since the last time. */
  quantiles(): { p50Ms: number; p99Ms: number } {
    const sorted = this.#taken.sort((a, b) => a - b)
    this.#taken = []
    const at = (part: number) => sorted[Math.floor(sorted.length * part)] ?? Number.NaN
    return { p50Ms: at(0.5), p99Ms: at(0.99) }
  }
}

export async function takeSample(
  daemon: DaemonProcess,
  site: Site,
  latencies: Latencies,
  atSeconds: number,
): Promise<Sample> {
  // Before the collection, which would be in them.
  const quantiles = latencies.quantiles()
  return {
    atSeconds,
    residentBytes: daemon.memoryKib('VmRSS') * 1024,
    liveBytes: await liveBytes(daemon),
    openFiles: readdirSync(`/proc/${daemon.pid}/fd`).length,
    journalBytes: sizeOf(site.journalFile),
    ...quantiles,
  }
}

async function liveBytes(daemon: DaemonProcess): Promise<number> {
  const before = daemon.stderr.length
  daemon.child.kill('SIGUSR2')
  const pattern = /^live bytes: (\d+)\n/m
  const [, bytes] = await until(
    'it tells what is alive',
    () => pattern.exec(daemon.stderr.slice(before)),
    30_000,
  )
  return Number(bytes)
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}
