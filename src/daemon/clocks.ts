import { readFileSync } from 'node:fs'

/** The two clocks, in milliseconds: one that people and NTP set, and one that only runs. */
export interface Clocks {
  readonly wallNow: () => number
  readonly monotonicNow: () => number
}

/** Milliseconds since the machine's boot, of the clock that is never set: the same for every process. */
export function monotonicNow(): number {
  return bootOffsetMs + performance.now()
}

// performance.now() counts from the start of this process; the kernel's clock from the boot of the machine.
const bootOffsetMs = Number(process.hrtime.bigint()) / 1e6 - performance.now()

/** Tells this boot of the machine from every other. */
export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}

export const systemClocks: Clocks = { wallNow: Date.now, monotonicNow }
