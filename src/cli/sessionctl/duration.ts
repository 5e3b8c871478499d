import { Fault } from '../../errors.ts'

const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 }

/** Seconds of what an operator writes: `90s`, `15m`, `2h`, `1d`, or a plain number of seconds. */
export function secondsOf(flag: string, text: string): number {
  const [, digits, unit = 's'] = /^([0-9]{1,9})([smhd])?$/.exec(text) ?? []
  if (digits !== undefined) return Number(digits) * UNITS[unit]!
  throw new Fault('usage', `${flag} is no duration: ${JSON.stringify(text)}.`, {
    hint: `Write a number with s, m, h or d, such as ${flag} 15m`,
  })
}
