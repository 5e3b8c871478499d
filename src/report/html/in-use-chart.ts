import { type Html, html } from '../../html.ts'
import { type Figures, meanInUse } from '../figures.ts'
import { axes, picture, type Scales, scalesOf } from './chart.ts'
import type { Condensed } from './condense.ts'
import { dataTable, section } from './tables.ts'
import { sayCount, sayMean, sayTime } from './words.ts'

/** Sessions in use against the limit over time: the peak as an area, the mean as a line. */
export function inUseChart(condensed: Condensed): Html {
  const { points, stepMs } = condensed
  const scales = scalesOf(condensed, Math.max(1, ...points.map(({ figures }) => highestOf(figures))))
  const watched = points.filter(({ figures }) => figures !== null)
  const peak = Math.max(0, ...watched.map(({ figures }) => figures!.peak))
  const body = html`${axes(scales, stepMs)}
<path class="peak" d="${areaOf(condensed, scales)}"/>
<path class="mean" d="${lineOf(condensed, scales, meanInUse)}"/>
<path class="limit" d="${lineOf(condensed, scales, figures => figures.limit?.high ?? null)}"/>`
  const rows = points.map(({ start, figures }) =>
    figures === null
      ? [sayTime(start, stepMs), 'not watched', '', '']
      : [
          sayTime(start, stepMs),
          sayMean(meanInUse(figures)),
          sayCount(figures.peak),
          sayLimit(figures.limit),
        ],
  )
  return section({
    id: 'in-use',
    title: 'Sessions in use and the limit',
    note: html`<ul class="legend"><li><span class="key peak"></span>most in use at one time</li><li><span class="key mean"></span>mean in use</li><li><span class="key limit"></span>limit</li></ul>`,
    picture: picture({
      id: 'in-use',
      title: 'Sessions in use and the limit',
      description: `At most ${sayCount(peak)} sessions were in use at one time. ${watched.length} of ${points.length} spans of time were watched. The table below has every value.`,
      body,
    }),
    table: dataTable({
      caption: 'Sessions in use and the limit, by time (UTC)',
      head: ['From', 'Mean in use', 'Most in use', 'Limit'],
      rows,
    }),
  })
}

function sayLimit(limit: Figures['limit']): string {
  if (limit === null) return ''
  const { low, high } = limit
  return low === high ? sayCount(high) : `${sayCount(low)} to ${sayCount(high)}`
}

function highestOf(figures: Figures | null): number {
  return figures === null ? 0 : Math.max(figures.peak, figures.limit?.high ?? 0)
}

/** A line of steps: a value holds for its whole span, and where nothing was watched the line is broken. */
function lineOf(
  { points, stepMs }: Condensed,
  { x, y, to }: Scales,
  readFrom: (figures: Figures) => number | null,
): string {
  let path = ''
  let before: number | null = null
  for (const { start, figures } of points) {
    const value = figures === null ? null : readFrom(figures)
    if (value !== null) {
      path += before === null ? `M${x(start)} ${y(value)}` : value === before ? '' : `V${y(value)}`
      path += `H${x(Math.min(to, start + stepMs))}`
    }
    before = value
  }
  return path
}

function areaOf({ points, stepMs }: Condensed, { x, y, to }: Scales): string {
  return points
    .filter(({ figures }) => figures !== null && figures.peak > 0)
    .map(
      ({ start, figures }) =>
        `M${x(start)} ${y(0)}V${y(figures!.peak)}H${x(Math.min(to, start + stepMs))}V${y(0)}Z`,
    )
    .join('')
}
