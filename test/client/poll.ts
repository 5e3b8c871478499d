import { setTimeout as delay } from 'node:timers/promises'

const PATIENCE_MS = 20_000
const PAUSE_MS = 5

/** Waits until a condition holds, for a bounded time. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE_MS
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`It took too long: ${what}`)
    await delay(PAUSE_MS)
  }
}
