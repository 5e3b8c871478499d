import { Html, html } from '../../html.ts'
import type { Bucket } from '../figures.ts'
import { spans } from '../spans.ts'
import type { Summary } from '../summary.ts'
import { condense } from './condense.ts'
import { inUseChart } from './in-use-chart.ts'
import { refusalsChart } from './refusals-chart.ts'
import { contentPolicy, stylesheet } from './style.ts'
import { applicationsSection, capacitySection, endedSection, totalsSection } from './totals.ts'
import { weekMap } from './week-map.ts'
import { sayTime } from './words.ts'

export interface ReportPage {
  readonly summary: Summary
  /** Rows of one hour of the same time, for the week; those of one application where the summary is about one. */
  readonly hours: readonly Bucket[]
  /** Whose figures these are: the name of the machine. */
  readonly hostname: string
  readonly installationId: string | null
  /** Milliseconds since the epoch. */
  readonly madeAt: number
  /** What made it, in words: `sessionctl 1.2.3`. */
  readonly madeBy: string
}

/** The report as one HTML file that needs nothing else: no script, no request, no other file. */
export function reportPage({ summary, hours, ...page }: ReportPage): string {
  const { from, to, by, application, total } = summary
  const condensed = condense(summary.series, spans[by])
  const title = `Session usage of ${page.hostname}`
  const about = application === null ? 'all applications' : `the application ${application}`
  const installation = page.installationId === null ? '' : `, installation ${page.installationId}`
  const document: Html = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${contentPolicy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
<style>${new Html(stylesheet)}</style>
</head>
<body>
<main>
<h1>${title}</h1>
<p class="soft">From ${sayTime(from)} to ${sayTime(to)} UTC, ${about}${installation}.</p>
${totalsSection(summary)}
${inUseChart(condensed)}
${weekMap(hours)}
${refusalsChart(condensed, total)}
${capacitySection(summary.busyHour, summary.advice)}
${application === null ? [applicationsSection(total), endedSection(total)] : null}
</main>
<footer>
<p>Made by ${page.madeBy} at ${sayTime(page.madeAt)} UTC from the usage history that sessiond kept on this machine, by ${by}; the charts show steps of ${sayStep(condensed.stepMs)}. A time in which sessiond did not run counts as not watched, not as idle. What was in use is read several times a second and taken to change evenly in between; peaks and counts are exact.</p>
<p>This page runs no script and loads nothing from elsewhere.</p>
</footer>
</body>
</html>
`
  return document.text
}

function sayStep(stepMs: number): string {
  const [length, name] =
    stepMs >= spans.day
      ? [stepMs / spans.day, 'day']
      : stepMs >= spans.hour
        ? [stepMs / spans.hour, 'hour']
        : [stepMs / spans.minute, 'minute']
  return length === 1 ? `one ${name}` : `${length} ${name}s`
}
