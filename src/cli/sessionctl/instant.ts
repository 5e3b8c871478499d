import { Fault } from '../../errors.ts'
import { secondsOf } from './duration.ts'

/**
 * Milliseconds since the epoch of what an operator writes: a date, with or without a time, or an age such as `7d`.
 * A date without a zone is one of this machine, or of UTC with `isUtc`.
 */
export function instantOf(flag: string, text: string, now: number, isUtc: boolean): number {
  if (/^[0-9]+[smhd]?$/.test(text)) return now - secondsOf(flag, text) * 1000
  const [, date, time = 'T00:00', zone] =
    /^([0-9]{4}-[0-9]{2}-[0-9]{2})([T ][0-9:.]+)?(Z|[+-][0-9]{2}:?[0-9]{2})?$/.exec(text) ?? []
  const instant =
    date === undefined
      ? Number.NaN
      : Date.parse(`${date}${time.replace(' ', 'T')}${zone ?? (isUtc ? 'Z' : '')}`)
  if (!Number.isNaN(instant)) return instant
  throw new Fault('usage', `${flag} is neither a date nor an age: ${JSON.stringify(text)}.`, {
    hint: `For example: ${flag} 2026-11-24, ${flag} 2026-11-24T08:00:00Z or ${flag} 7d`,
  })
}
