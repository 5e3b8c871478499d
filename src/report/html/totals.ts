import { type Html, html, type Part } from '../../html.ts'
import type { Advice } from '../advice.ts'
import { refusedShare } from '../advice.ts'
import { type Figures, meanInUse, otherApplications, total } from '../figures.ts'
import type { BusyHour, Summary } from '../summary.ts'
import { dataTable, section } from './tables.ts'
import { sayCount, sayDuration, sayMean, sayReason, sayShare, sayTime } from './words.ts'

/** The figures of the whole time at a glance. */
export function totalsSection({ total: figures, limit, busyHour }: Summary): Html {
  const share = refusedShare(figures)
  const entries: [term: string, value: string][] = [
    ['Licensed limit', limit === null ? 'not known' : sayCount(limit)],
    ['Most in use at one time', sayCount(figures.peak)],
    ['Mean in use', sayMean(meanInUse(figures))],
    ['Granted', sayCount(figures.granted)],
    ['Refused', `${sayCount(total(figures.refused))}${share === null ? '' : ` (${sayShare(share)})`}`],
    ['All sessions in use for', sayDuration(figures.fullMs)],
    ['Watched for', sayDuration(figures.observedMs)],
    ['Busy hour (UTC)', busyHour === null ? 'none' : sayTime(busyHour.start)],
  ]
  return html`<dl>${entries.map(([term, value]) => html`<div><dt>${term}</dt><dd>${value}</dd></div>`)}</dl>`
}

/** What the load of the busy hour needs. */
export function capacitySection(busyHour: BusyHour | null, advice: Advice | null): Html {
  const title = 'How many sessions are needed'
  if (busyHour === null || advice === null) {
    return section({ id: 'capacity', title, table: html`<p>No hour was watched.</p>` })
  }
  const { needed, offeredErlangs, blockingAtLimit, limit } = advice
  const load =
    offeredErlangs === null
      ? 'So much was refused that the offered load cannot be told.'
      : `With what was refused, ${sayMean(offeredErlangs)} erlangs were offered.`
  const loss =
    blockingAtLimit === null || limit === null
      ? ''
      : ` Of such a load, ${sayCount(limit)} sessions refuse ${sayShare(blockingAtLimit)}.`
  return section({
    id: 'capacity',
    title,
    note: html`<p>The busy hour is the one that carried most: from ${sayTime(busyHour.start)} UTC, ${sayMean(advice.carriedErlangs)} erlangs (mean in use), ${sayCount(busyHour.figures.peak)} at most. ${sayShare(advice.blocking)} of its acquires were refused for want of sessions. ${load}${loss}</p>`,
    table: html`${dataTable({
      caption: 'Fewest sessions for the load of the busy hour',
      head: ['At most so many refused', 'Sessions', 'Against the limit'],
      rows: needed.map(({ blocking, sessions }) => [
        sayShare(blocking),
        sayCount(sessions),
        difference(sessions, limit),
      ]),
      empty: 'Without the load no number can be told.',
    })}
<p class="soft">By Erlang’s B-formula (A. K. Erlang, 1917; ITU-D Study Group 2, Teletraffic Engineering Handbook, “Erlang’s loss system and B-formula”). It holds where calls come independently of each other and who is refused goes away; callers who try again at once are counted each time, which makes the load look higher.</p>`,
  })
}

function difference(sessions: number, limit: number | null): string {
  if (limit === null) return 'no limit known'
  const more = sessions - limit
  return more > 0 ? `${sayCount(more)} more` : `${sayCount(-more)} to spare`
}

export function applicationsSection({ applications, observedMs }: Figures): Html {
  const rows = Object.entries(applications).sort(([, a], [, b]) => b.inUseMs - a.inUseMs)
  return section({
    id: 'applications',
    title: 'Applications',
    table: dataTable({
      caption: 'By application, those that used most first',
      head: ['Application', 'Mean in use', 'Most in use', 'Granted', 'Refused'],
      rows: rows.map(([name, { inUseMs, peak, granted, refused }]): Part[] => [
        name === otherApplications ? 'all others' : name,
        sayMean(observedMs === 0 ? null : inUseMs / observedMs),
        sayCount(peak),
        sayCount(granted),
        sayCount(refused),
      ]),
    }),
  })
}

/** How sessions ended; a cause other than their release is worth a look. */
export function endedSection({ released }: Figures): Html {
  return section({
    id: 'ended',
    title: 'How sessions ended',
    table: dataTable({
      caption: 'Ended sessions by cause',
      head: ['Cause', 'Sessions'],
      rows: Object.entries(released)
        .sort(([, a], [, b]) => b - a)
        .map(([cause, count]) => [sayReason(cause), sayCount(count)]),
    }),
  })
}
