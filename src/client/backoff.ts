/** The longest wait before the first retry; it doubles with each further attempt. */
export const FIRST_BACKOFF_MS = 50

/** The wait before a retry is never longer than this. */
export const MAX_BACKOFF_MS = 5000

/**
 * How long to wait before attempt number `attempt` (0 for the first retry), in milliseconds.
 * Full jitter: anything from nothing to the exponential bound, so that the clients of a daemon that was
 * restarted do not come back as one herd. `random` is in [0, 1).
 */
export function backoffMs(attempt: number, random: number): number {
  const bound = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(attempt, 16))
  return random * bound
}
