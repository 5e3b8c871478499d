import { type Html, html, type Part } from '../../html.ts'
import type { Condensed } from './condense.ts'
import { sayCount, sayTime } from './words.ts'

/** Where the drawing lies within the picture, in its units: at the left the numbers, below the times. */
export const frame = { width: 760, height: 260, left: 52, right: 12, top: 12, bottom: 34 } as const

/** Turns values into places. */
export interface Scales {
  x(instant: number): number
  y(value: number): number
  readonly from: number
  readonly to: number
  /** The value at the upper edge. */
  readonly high: number
}

export function scalesOf({ points, stepMs }: Condensed, highest: number): Scales {
  const from = points[0]?.start ?? 0
  const to = (points.at(-1)?.start ?? 0) + stepMs
  const high = roundUp(highest)
  const width = frame.width - frame.left - frame.right
  const height = frame.height - frame.top - frame.bottom
  return {
    from,
    to,
    high,
    x: instant => place(frame.left + (width * (instant - from)) / (to - from)),
    y: value => place(frame.height - frame.bottom - (height * value) / high),
  }
}

/** The next number that divides well by four: 4, 8, 20, 40, 80, 100, 200 … */
export function roundUp(value: number): number {
  for (let power = 1; ; power *= 10) {
    const found = [4, 8, 10, 20, 40].find(digits => digits * power >= value && (digits * power) % 4 === 0)
    if (found !== undefined) return found * power
  }
}

/** A tenth of a unit is finer than any screen, and keeps the file small. */
export function place(value: number): number {
  return Math.round(value * 10) / 10
}

export interface Picture {
  id: string
  title: string
  /** What can be seen, in words, for those who cannot see it. */
  description: string
  body: Part
  height?: number
}

/** A picture that is told as one image with its words. On a narrow screen it is moved sideways, also by keys. */
export function picture({ id, title, description, body, height = frame.height }: Picture): Html {
  return html`<div class="wide" role="region" tabindex="0" aria-label="${title}: chart">
<svg viewBox="0 0 ${frame.width} ${height}" role="img" aria-labelledby="${id}-title ${id}-description">
<title id="${id}-title">${title}</title>
<desc id="${id}-description">${description}</desc>
${body}
</svg></div>`
}

/** Lines and numbers behind a chart over time. */
export function axes(scales: Scales, stepMs: number): Html {
  const { left, width, right, height, bottom } = frame
  const rows = [0, 1, 2, 3, 4].map(quarter => {
    const value = (scales.high * quarter) / 4
    const y = scales.y(value)
    return html`<path class="grid" d="M${left} ${y}H${width - right}"/><text class="tick" x="${left - 8}" y="${place(y + 4)}" text-anchor="end">${sayCount(value)}</text>`
  })
  const times = timesOf(scales, stepMs).map(
    instant =>
      html`<path class="grid" d="M${scales.x(instant)} ${height - bottom}v5"/><text class="tick" x="${scales.x(instant)}" y="${height - bottom + 20}" text-anchor="middle">${shortTime(instant, scales)}</text>`,
  )
  return html`${rows}${times}`
}

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const tickSteps = [60_000, 300_000, 900_000, hourMs, 3 * hourMs, 6 * hourMs, dayMs, 2 * dayMs, 7 * dayMs]

/** At most eight instants, at round times and not so near the edge that their words leave the picture. */
function timesOf({ from, to }: Scales, stepMs: number): number[] {
  const length = to - from
  const step =
    tickSteps.find(step => step >= stepMs && length / step <= 8) ?? Math.ceil(length / 8 / dayMs) * dayMs
  const edge = length / 25
  const times: number[] = []
  for (let at = Math.ceil((from + edge) / step) * step; at <= to - edge; at += step) times.push(at)
  return times
}

function shortTime(instant: number, { from, to }: Scales): string {
  const text = sayTime(instant)
  if (to - from <= dayMs) return text.slice(11)
  if (to - from <= 4 * dayMs) return text.slice(5)
  return text.slice(0, 10)
}
