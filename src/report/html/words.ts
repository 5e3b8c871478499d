// How the page writes numbers and times. All times are UTC, as the spans of the history are.

const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })
const fine = new Intl.NumberFormat('en-US', { maximumFractionDigits: 2 })
/** Six figures after the point: a loss of 0.0001 % is not "0 %". */
const part = new Intl.NumberFormat('en-US', { style: 'percent', maximumSignificantDigits: 3 })

export function sayCount(count: number): string {
  return grouped.format(count)
}

export function sayMean(mean: number | null): string {
  return mean === null ? 'not watched' : fine.format(mean)
}

export function sayShare(share: number): string {
  return part.format(share)
}

/** `2026-11-24 08:00`, without its hour where it is midnight and only days are told. */
export function sayTime(instant: number, stepMs = 0): string {
  const text = new Date(instant).toISOString()
  return stepMs >= 86_400_000 ? text.slice(0, 10) : `${text.slice(0, 10)} ${text.slice(11, 16)}`
}

/** In the largest unit of which there is one. */
export function sayDuration(ms: number): string {
  if (ms >= 3_600_000 || ms === 0) return `${fine.format(ms / 3_600_000)} h`
  return ms >= 60_000 ? `${fine.format(ms / 60_000)} min` : `${fine.format(ms / 1000)} s`
}

/** A reason or a cause as it stands in counts: `limit-reached`. */
export function sayReason(reason: string): string {
  return reason === 'any' ? 'any reason' : reason.replaceAll('-', ' ')
}
