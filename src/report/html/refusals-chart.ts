import { type Html, html } from '../../html.ts'
import { type Figures, total } from '../figures.ts'
import { axes, picture, place, type Scales, scalesOf } from './chart.ts'
import type { Condensed } from './condense.ts'
import { dataTable, section } from './tables.ts'
import { sayCount, sayReason, sayTime } from './words.ts'

/** As many reasons have a color of their own; the rest, which are rare, are told as one. */
const COLORS = 5
const others = 'other reasons'

/** Refused acquires by reason over time, as bars that stand on each other; none where nothing was refused. */
export function refusalsChart(condensed: Condensed, all: Figures): Html {
  const { points, stepMs } = condensed
  const reasons = reasonsOf(all)
  if (reasons.length === 0) {
    return section({ id: 'refusals', title: 'Refusals by reason', table: html`<p>Nobody was refused.</p>` })
  }
  const counts = points.map(({ start, figures }) => ({ start, counts: countsOf(figures, reasons) }))
  const highest = Math.max(1, ...counts.map(({ counts }) => counts.reduce((sum, count) => sum + count, 0)))
  const scales = scalesOf(condensed, highest)
  const bars = counts.map(({ start, counts }) => barOf(start, counts, stepMs, scales))
  const refused = counts.filter(({ counts }) => counts.some(count => count > 0))
  const names = reasons.map(reason => (reason === others ? others : sayReason(reason)))
  return section({
    id: 'refusals',
    title: 'Refusals by reason',
    note: html`<ul class="legend">${names.map((name, index) => html`<li><span class="key r${index}"></span>${name}</li>`)}</ul>`,
    picture: picture({
      id: 'refusals',
      title: 'Refusals by reason',
      description: `${sayCount(total(all.refused))} acquires were refused, in ${refused.length} of ${points.length} spans of time. The table below has every value.`,
      body: html`${axes(scales, stepMs)}${bars}`,
    }),
    table: dataTable({
      caption: 'Refused acquires by reason and time (UTC); times without any are left out',
      head: ['From', ...names],
      rows: refused.map(({ start, counts }) => [sayTime(start, stepMs), ...counts.map(sayCount)]),
    }),
  })
}

/** The reasons in the order of how often they occurred. */
function reasonsOf({ refused }: Figures): string[] {
  const reasons = Object.entries(refused)
    .filter(([, count]) => count > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([reason]) => reason)
  return reasons.length <= COLORS ? reasons : [...reasons.slice(0, COLORS - 1), others]
}

function countsOf(figures: Figures | null, reasons: readonly string[]): number[] {
  if (figures === null) return reasons.map(() => 0)
  const own = reasons.map(reason => (Object.hasOwn(figures.refused, reason) ? figures.refused[reason]! : 0))
  if (reasons.at(-1) !== others) return own
  const named = own.reduce((sum, count) => sum + count, 0)
  return [...own.slice(0, -1), total(figures.refused) - named]
}

function barOf(start: number, counts: readonly number[], stepMs: number, { x, y, to }: Scales): Html[] {
  const left = x(start)
  const width = Math.max(1, place(x(Math.min(to, start + stepMs)) - left))
  let below = 0
  return counts.flatMap((count, index) => {
    const from = y(below)
    below += count
    if (count === 0) return []
    const top = y(below)
    return [
      html`<rect class="r${index}" x="${left}" y="${top}" width="${width}" height="${place(from - top)}"/>`,
    ]
  })
}
