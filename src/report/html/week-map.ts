import { type Html, html } from '../../html.ts'
import { addFigures, type Bucket, type Figures, meanInUse, noFigures } from '../figures.ts'
import { picture } from './chart.ts'
import { dataTable, section } from './tables.ts'
import { sayCount, sayMean } from './words.ts'

const weekdays = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'] as const
const hours = Array.from({ length: 24 }, (_, hour) => hour)

/** Steps of color from nothing in use to the most of all cells. */
const LEVELS = 8
const cell = { width: 28, height: 26, top: 26, left: 86 } as const
const height = cell.top + weekdays.length * cell.height + 8

/** The week as hours by weekdays: how many sessions are in use at each time of the week. Of rows of one hour. */
export function weekMap(rows: readonly Bucket[]): Html {
  const week = weekOf(rows)
  const means = week.map(day => day.map(meanInUse))
  const highest = Math.max(0, ...means.flat().map(mean => mean ?? 0))
  const cells = means.flatMap((day, weekday) => day.map((mean, hour) => cellOf(weekday, hour, mean, highest)))
  const title = 'The week'
  return section({
    id: 'week',
    title,
    note: html`<p>Mean number of sessions in use in each hour of the week (UTC), from light, none, to dark, ${sayMean(highest)}. Hours that were never watched are empty.</p>`,
    picture: picture({
      id: 'week',
      title,
      description: `${busiestOf(means, highest)} The table below has every value.`,
      body: html`${hours.map(hourLabel)}${weekdays.map(dayLabel)}${cells}`,
      height,
    }),
    table: dataTable({
      caption: 'Mean and most in use, by hour (UTC) and weekday',
      head: ['Hour', ...weekdays],
      rows: hours.map(hour => [`${twoDigits(hour)}:00`, ...week.map(day => sayCell(day[hour]!))]),
    }),
  })
}

/** The figures of each weekday, Monday first, and in it of each hour, added up. */
export function weekOf(rows: readonly Bucket[]): Figures[][] {
  const week = weekdays.map(() => hours.map(() => noFigures))
  for (const { start, figures } of rows) {
    const at = new Date(start)
    const day = week[(at.getUTCDay() + 6) % 7]!
    day[at.getUTCHours()] = addFigures(day[at.getUTCHours()]!, figures)
  }
  return week
}

function sayCell(figures: Figures): string {
  const mean = meanInUse(figures)
  return mean === null ? 'not watched' : `${sayMean(mean)} (${sayCount(figures.peak)})`
}

function busiestOf(means: readonly (readonly (number | null)[])[], highest: number): string {
  const weekday = means.findIndex(day => day.includes(highest))
  if (highest === 0 || weekday === -1) return 'Nothing was in use.'
  const hour = means[weekday]!.indexOf(highest)
  return `The busiest hour of the week is ${weekdays[weekday]} from ${twoDigits(hour)}:00 UTC, with ${sayMean(highest)} sessions in use.`
}

function cellOf(weekday: number, hour: number, mean: number | null, highest: number): Html {
  const level = mean === null ? 'none' : `${highest === 0 ? 0 : Math.ceil((LEVELS * mean) / highest)}`
  const x = cell.left + hour * cell.width
  const y = cell.top + weekday * cell.height
  return html`<rect class="cell h${level}" x="${x}" y="${y}" width="${cell.width - 2}" height="${cell.height - 2}"/>`
}

function hourLabel(hour: number): Html | null {
  if (hour % 3 !== 0) return null
  return html`<text class="tick" x="${cell.left + hour * cell.width + 13}" y="18" text-anchor="middle">${twoDigits(hour)}</text>`
}

function dayLabel(name: string, weekday: number): Html {
  return html`<text class="tick" x="${cell.left - 8}" y="${cell.top + weekday * cell.height + 17}" text-anchor="end">${name}</text>`
}

function twoDigits(hour: number): string {
  return String(hour).padStart(2, '0')
}
