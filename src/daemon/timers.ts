/**
 * What a daemon does now and then. A fault in it must not end the process, and with it every call: it is told,
 * and the next time comes.
 */
export class Timers {
  readonly #onFault: (error: unknown) => void
  readonly #timers: NodeJS.Timeout[] = []

  constructor(onFault: (error: unknown) => void) {
    this.#onFault = onFault
  }

  every(ms: number, act: () => void): void {
    const attempt = () => {
      try {
        act()
      } catch (error) {
        this.#onFault(error)
      }
    }
    this.#timers.push(setInterval(attempt, ms))
  }

  stop(): void {
    for (const timer of this.#timers.splice(0)) clearInterval(timer)
  }
}
