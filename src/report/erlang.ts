/**
 * Erlang's B-formula: the part of the calls that finds all of `sessions` in use, where calls that come independently of
 * each other (Poisson) offer a load of `erlangs`, and who is refused goes away.
 *
 * By the recursion over the number of sessions, B(0) = 1 and B(n) = A·B(n-1) / (n + A·B(n-1)), in the inverse form
 * 1/B(n) = 1 + (n/A)·(1/B(n-1)), which neither overflows early nor loses digits.
 *
 * Source: A. K. Erlang, 1917. The recursion: ITU-D Study Group 2, Teletraffic Engineering Handbook (V. B. Iversen),
 * chapter "Erlang's loss system and B-formula"; D. L. Jagerman, "Some properties of the Erlang loss function", Bell
 * System Technical Journal 53 (1974), 525-551.
 */
export function erlangB(erlangs: number, sessions: number): number {
  if (erlangs === 0) return sessions === 0 ? 1 : 0
  let inverse = 1
  for (let n = 1; n <= sessions && inverse < Infinity; n++) inverse = 1 + (n / erlangs) * inverse
  return 1 / inverse
}

/** The fewest sessions with which no more than the part `blocking` (0 to 1, without 0) of that load is refused. */
export function sessionsFor(erlangs: number, blocking: number): number {
  if (erlangs === 0) return 0
  let sessions = 0
  for (let inverse = 1; 1 / inverse > blocking; ) {
    sessions++
    inverse = 1 + (sessions / erlangs) * inverse
  }
  return sessions
}

/**
 * The load that was offered where `carried` erlangs got through and the part `blocking` was refused: Y = A·(1 - B).
 * Callers that try again at once are counted each time, so that it is rather too high. Infinity where all were refused.
 */
export function offeredLoad(carried: number, blocking: number): number {
  return carried === 0 && blocking < 1 ? 0 : carried / (1 - blocking)
}
