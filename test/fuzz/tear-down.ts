import type { TearDown } from '../support/site.ts'

/** What tap does for a test, for a program: `end` undoes everything, the last thing first. */
export function tearDown(): { t: TearDown; end(): Promise<void> } {
  const acts: (() => unknown)[] = []
  return {
    t: { teardown: act => void acts.push(act) },
    async end() {
      for (const act of acts.splice(0).reverse()) await act()
    },
  }
}
