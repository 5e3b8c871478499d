const EVERY_MS = 5

/**
 * Resolves as soon as `look` gives something other than false, null or undefined, and with that. Fails after
 * `boundMs`, saying what was waited for: a test waits for a condition, never for a time.
 */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  boundMs = 10_000,
): Promise<NonNullable<T>> {
  const end = performance.now() + boundMs
  for (;;) {
    const found = await look()
    if (found !== false && found !== null && found !== undefined) return found
    if (performance.now() > end) throw new Error(`Waited ${boundMs} ms in vain: ${what}`)
    await new Promise(resolve => setTimeout(resolve, EVERY_MS))
  }
}
