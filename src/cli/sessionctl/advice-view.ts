import type { Summary } from '../../report/summary.ts'
import { percent, tableLines } from './report-text.ts'

/** The busy hour, and how many sessions its load needs. */
export function adviceLines(summary: Summary, time: (instant: number) => string): string[] {
  const { busyHour, advice, limit } = summary
  if (busyHour === null || advice === null) return ['Nothing was in use, so there is no busy hour.']
  const { start, figures } = busyHour
  const lines = [
    `Busy hour ${time(start)}: ${busyHour.erlangs.toFixed(2)} erlangs carried, ${percent(advice.blocking)} refused for want of sessions`,
  ]
  if (figures.observedMs < 3_000_000)
    lines.push('          It was watched in part; the mean is of that part.')
  if (advice.offeredErlangs === null) {
    return [...lines, 'So much was refused that the load which was offered cannot be told.']
  }
  lines.push(`          ${advice.offeredErlangs.toFixed(2)} erlangs offered`)
  if (advice.blocking > 0.01 && advice.blocking > 2 * advice.fullShare) {
    lines.push('          Callers who are refused seem to try again at once: the load is rather less.')
  }
  if (advice.blockingAtLimit !== null) {
    lines.push(`Erlang B  ${percent(advice.blockingAtLimit)} refused at the limit of ${limit}`)
  }
  const rows = advice.needed.map(({ blocking, sessions }) => [
    `${blocking * 100} %`,
    String(sessions),
    limit === null || advice.limit === null ? '' : differenceText(sessions - limit),
  ])
  return [...lines, '', ...tableLines(['REFUSED', 'SESSIONS NEEDED', ''], rows)]
}

function differenceText(difference: number): string {
  if (difference === 0) return 'as licensed'
  return difference > 0 ? `${difference} more than licensed` : `${-difference} fewer than licensed`
}
