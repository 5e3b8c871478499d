import { sayInstant } from '../../license/instant.ts'
import { meanInUse, total } from '../../report/figures.ts'
import { sayDuration } from '../../report/html/words.ts'
import type { Summary } from '../../report/summary.ts'

export interface Signed {
  installationId: string
  customerId: string
  jkt: string
  hostname: string
  version: string
  madeAt: string
}

/** A verified report for people: who signed it, and the totals of its rows. */
export function usageReportLines(signed: Signed, { from, to, by, total: sum, ...rest }: Summary): string[] {
  const mean = meanInUse(sum)
  const limit = limitText(sum.limit)
  const { busyHour, advice } = rest
  const needed = advice?.needed.map(({ blocking, sessions }) => `${sessions} (${blocking * 100} % refused)`)
  return [
    `Signed by the machine of installation ${signed.installationId}, customer ${signed.customerId}`,
    `Machine key   ${signed.jkt}`,
    `Machine       ${signed.hostname}, version ${signed.version}, made ${signed.madeAt} by its own clock`,
    `Time          ${sayInstant(from)} to ${sayInstant(to)}, by ${by}`,
    `Watched       ${sayDuration(sum.observedMs)} of ${sayDuration(to - from)}`,
    `Limit         ${limit}`,
    `In use        mean ${mean === null ? 'not watched' : mean.toFixed(2)}, at most ${sum.peak}; ${sum.fullMs === 0 ? 'never all in use' : `all in use for ${sayDuration(sum.fullMs)}`}`,
    `Granted       ${sum.granted}`,
    `Refused       ${total(sum.refused)}${each(sum.refused)}`,
    ...(busyHour === null
      ? []
      : [`Busy hour     ${sayInstant(busyHour.start)}, ${busyHour.erlangs.toFixed(2)} erlangs`]),
    ...(needed === undefined || needed.length === 0
      ? []
      : [`Sessions needed for its load (Erlang B): ${needed.join(', ')}`]),
    ...Object.entries(sum.applications).map(
      ([name, { peak, granted, refused }]) =>
        `  ${name}: at most ${peak}, granted ${granted}, refused ${refused}`,
    ),
  ]
}

function limitText(limit: Summary['total']['limit']): string {
  if (limit === null) return 'not known'
  return limit.low === limit.high ? `${limit.high}` : `${limit.low} to ${limit.high}`
}

function each(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).map(([reason, count]) => `${reason} ${count}`)
  return parts.length === 0 ? '' : `: ${parts.join(', ')}`
}
