import { dayMs } from './instant.ts'

/**
 * License time is `max(wall clock, high water)`, where the high water is the highest time that was ever
 * signed or run through. It is kept in the state directory, so that a clock that is turned back gains nothing.
 *
 * A wall clock that leaps ahead is believed while it stands there, but the high water follows it only after
 * it has stood there for `settleAfterMs` of run time. So a clock that was wrong for some minutes leaves no trace.
 * One that was wrong for longer is cured by the next license, whose date of issue is the vendor's time: what the
 * high water had from the wall clock alone is forgotten; what was signed or run through is not. A license that
 * was held back to be installed with the clock turned back therefore gains no time either.
 */
export interface LicenseClock {
  /** License time never falls below this instant. Milliseconds since the epoch. */
  highWater: number
  /** Highest signed instant plus the time run since: what no wall clock can inflate. Never above highWater. */
  provenAt: number
  /** Highest signed instant. */
  signedAt: number
  /** Run time in which the wall clock has stood more than a leap ahead of the high water. */
  aheadMs: number
}

/** The clock of an installation that has seen nothing yet. */
export const unsetLicenseClock: LicenseClock = { highWater: 0, provenAt: 0, signedAt: 0, aheadMs: 0 }

/** More than this ahead of run time is a leap: a suspended machine, a stopped daemon, or a wrong clock. */
export const leapMs = 10 * 60_000

/** How long (in run time) a leap must stand before the high water follows. */
export const settleAfterMs = 60 * 60_000

export function licenseTime(wallNow: number, clock: LicenseClock): number {
  return Math.max(wallNow, clock.highWater)
}

/**
 * The clock after the daemon has run for `ranMs` (by the monotonic clock, since the last call).
 * Call it about once a minute and at stop, and keep the result.
 */
export function advanceLicenseClock(clock: LicenseClock, wallNow: number, ranMs: number): LicenseClock {
  const ran = Math.max(0, ranMs)
  const ranThrough = {
    ...clock,
    highWater: clock.highWater + ran,
    provenAt: clock.provenAt + ran,
    aheadMs: 0,
  }
  const ahead = wallNow - ranThrough.highWater
  if (ahead <= 0) return ranThrough
  if (ahead <= leapMs) return { ...ranThrough, highWater: wallNow }
  const aheadMs = clock.aheadMs + ran
  return aheadMs < settleAfterMs ? { ...ranThrough, aheadMs } : { ...ranThrough, highWater: wallNow }
}

/**
 * The clock after a license was put in force. Its `issuedAt` is a time of the vendor: license time never
 * falls below it. Where it is later than every one before, the high water starts again from what is proven.
 */
export function witnessLicense(clock: LicenseClock, issuedAt: number): LicenseClock {
  if (issuedAt <= clock.signedAt) return clock
  const provenAt = Math.max(clock.provenAt, issuedAt)
  return { highWater: provenAt, provenAt, signedAt: issuedAt, aheadMs: 0 }
}

/** True where the wall clock is so far behind license time that somebody should look at it. */
export function wallClockIsBehind(wallNow: number, clock: LicenseClock): boolean {
  return clock.highWater - wallNow > dayMs
}
