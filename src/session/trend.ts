/** What was in use at an instant. */
export interface UsageSample {
  /** Monotonic milliseconds. */
  readonly at: number
  readonly inUse: number
}

/** Samples over a shorter time than this say nothing about where use is going. */
export const MIN_TREND_SPAN_MS = 30_000

/**
 * Seconds until all sessions are in use, if use goes on to grow as it did over the samples (oldest first; the last
 * one is now): what is free, divided by the slope of the line through the samples with the least squares.
 * 0 where all are in use; Infinity where the line is flat or falls, or where the samples say too little.
 */
export function secondsUntilFull(samples: readonly UsageSample[], limit: number): number {
  const first = samples[0]
  const last = samples.at(-1)
  if (first === undefined || last === undefined) return limit > 0 ? Infinity : 0
  if (last.inUse >= limit) return 0
  if (last.at - first.at < MIN_TREND_SPAN_MS) return Infinity
  const perSecond = slope(samples) * 1000
  return perSecond > 0 ? (limit - last.inUse) / perSecond : Infinity
}

/** Sessions per millisecond: the covariance of time and use over the variance of time. */
function slope(samples: readonly UsageSample[]): number {
  const meanAt = mean(samples.map(({ at }) => at))
  const meanInUse = mean(samples.map(({ inUse }) => inUse))
  let covariance = 0
  let variance = 0
  for (const { at, inUse } of samples) {
    covariance += (at - meanAt) * (inUse - meanInUse)
    variance += (at - meanAt) ** 2
  }
  return covariance / variance
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length
}
