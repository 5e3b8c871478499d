import { refusedShare } from '../../report/advice.ts'
import { type Figures, meanInUse, total } from '../../report/figures.ts'
import { type Summary, watchedShare } from '../../report/summary.ts'
import { counted } from '../counted.ts'
import type { Terminal } from '../terminal.ts'
import { adviceLines } from './advice-view.ts'
import { chartLines } from './chart.ts'
import { durationText, percent, tableLines, timeText } from './report-text.ts'

export interface ReportViewOptions {
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly utc: boolean
  readonly terminal: Pick<Terminal, 'style' | 'columns'>
}

/** Lines of the table; a longer time shows those in which most was in use. */
const MAX_LINES = 48

/** The report for people: what it is about, a chart, a table, the totals and the advice. */
export function reportLines(summary: Summary, { now, utc, terminal }: ReportViewOptions): string[] {
  const time = (instant: number) => timeText(instant, utc)
  const { from, to, by, application, total: whole } = summary
  const watched = watchedShare(summary, now)
  const about = application === null ? 'all applications' : `application ${application}`
  const head = `Usage from ${time(from)} to ${time(to)}${utc ? ' UTC' : ''}, by ${by}, ${about}`
  if (whole.observedMs === 0) return [head, 'No daemon kept a history in that time.']
  const lines = [head, '', ...chartLines(summary.series, time, terminal), '']
  lines.push(...seriesLines(summary, time), '')
  const share = watched === null ? '' : ` (${percent(watched)} of the time)`
  lines.push(
    `Watched   ${durationText(whole.observedMs)}${share}`,
    `In use    mean ${(meanInUse(whole) ?? 0).toFixed(2)}, peak ${whole.peak}, limit ${limitText(whole)}; ${fullText(whole)}`,
    `Granted   ${whole.granted}`,
    `Refused   ${total(whole.refused)}${refusedText(whole)}`,
  )
  if (application === null && Object.keys(whole.applications).length > 0) {
    lines.push('', ...applicationLines(whole))
  }
  return [...lines, '', ...adviceLines(summary, time)]
}

function seriesLines({ series, by }: Summary, time: (instant: number) => string): string[] {
  const known = series.flatMap(({ start, figures }) => (figures === null ? [] : [{ start, figures }]))
  const gaps = series.length - known.length
  const most = [...known].sort((a, b) => b.figures.inUseMs - a.figures.inUseMs).slice(0, MAX_LINES)
  const shown = most.sort((a, b) => a.start - b.start)
  const rows = shown.map(({ start, figures }) => [
    time(start),
    (meanInUse(figures) ?? 0).toFixed(2),
    String(figures.peak),
    limitText(figures),
    String(figures.granted),
    String(total(figures.refused)),
  ])
  const lines = tableLines(['START', 'MEAN', 'PEAK', 'LIMIT', 'GRANTED', 'REFUSED'], rows)
  const left = known.length - shown.length
  if (left > 0) lines.push(`${counted(left, by)} more, in which less was in use: --csv shows all.`)
  if (gaps > 0) lines.push(`Left out: ${counted(gaps, by)} without a daemon, or still to come.`)
  return lines
}

function applicationLines({ applications, observedMs }: Figures): string[] {
  const rows = Object.entries(applications)
    .sort(([, a], [, b]) => b.inUseMs - a.inUseMs)
    .map(([name, { inUseMs, peak, granted, refused }]) => [
      name,
      (inUseMs / Math.max(1, observedMs)).toFixed(2),
      String(peak),
      String(granted),
      String(refused),
    ])
  return tableLines(['APPLICATION', 'MEAN', 'PEAK', 'GRANTED', 'REFUSED'], rows)
}

function fullText({ fullMs }: Figures): string {
  return fullMs === 0 ? 'never all in use' : `all in use for ${durationText(fullMs)}`
}

function refusedText(figures: Figures): string {
  const share = refusedShare(figures)
  const reasons = Object.entries(figures.refused).filter(([reason]) => reason !== 'any')
  if (share === null || total(figures.refused) === 0) return ''
  const each = reasons.map(([reason, count]) => `${reason} ${count}`).join(', ')
  return ` (${percent(share)})${each === '' ? '' : `: ${each}`}`
}

function limitText({ limit }: Figures): string {
  if (limit === null) return '-'
  return limit.low === limit.high ? String(limit.high) : `${limit.low}-${limit.high}`
}
