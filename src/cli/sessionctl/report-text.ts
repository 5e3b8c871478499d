import { plainTable } from './status-view.ts'

/** A table as lines, all columns but the first to the right. */
export function tableLines(head: string[], rows: string[][]): string[] {
  const table = plainTable(
    head,
    head.map((_, column) => column).filter(column => column > 0),
  )
  table.push(...rows)
  return table
    .toString()
    .split('\n')
    .map(line => line.trimEnd())
}

/** With as many digits as a small part needs. */
export function percent(part: number): string {
  const value = part * 100
  if (value >= 1 || value === 0) return `${value.toFixed(1)} %`
  return value < 1e-4 ? 'less than 0.0001 %' : `${Number(value.toPrecision(2))} %`
}

export function durationText(ms: number): string {
  const minutes = Math.round(ms / 60_000)
  if (minutes === 0) return `${(ms / 1000).toFixed(1)} s`
  const [days, hours] = [Math.floor(minutes / 1440), Math.floor((minutes % 1440) / 60)]
  const parts = [days > 0 ? `${days} d` : '', hours > 0 ? `${hours} h` : '', `${minutes % 60} min`]
  return parts.filter(part => part !== '').join(' ')
}

/** `2026-11-24 08:00`, in the time of this machine or UTC. */
export function timeText(instant: number, utc: boolean): string {
  const offset = utc ? 0 : new Date(instant).getTimezoneOffset()
  return new Date(instant - offset * 60_000).toISOString().slice(0, 16).replace('T', ' ')
}
