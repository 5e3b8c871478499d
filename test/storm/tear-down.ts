import type { TearDown } from '../support/site.ts'

/** Runs what a test would run, outside of a test: what it started is ended, also where it fails. */
export async function runWithTearDown<T>(run: (t: TearDown) => Promise<T>): Promise<T> {
  const acts: (() => unknown)[] = []
  try {
    return await run({ teardown: act => acts.push(act) })
  } finally {
    for (const act of acts.reverse()) await act()
  }
}
