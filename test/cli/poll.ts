import { setTimeout as delay } from 'node:timers/promises'

/** Asks until the answer is one that is wanted; fails after `withinMs`. */
export async function eventually<T>(
  ask: () => T | Promise<T>,
  wanted: (answer: T) => boolean,
  withinMs = 15_000,
): Promise<T> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const answer = await ask()
    if (wanted(answer)) return answer
    if (performance.now() > deadline)
      throw new Error(`Not within ${withinMs} ms; at last: ${JSON.stringify(answer)}`)
    await delay(20)
  }
}
