import type { ResultOf } from '../../protocol/schemas.ts'
import type { Terminal } from '../terminal.ts'
import { durationText, plainTable, stateStyles, usageStyles, usageText } from './status-view.ts'

type Status = ResultOf<'status.get'>
type Sessions = ResultOf<'sessions.list'>['sessions']

/** One look at the daemon. */
export interface Look {
  /** Monotonic milliseconds. */
  readonly at: number
  readonly status: Status
  /** The longest sessions, or why they cannot be seen. */
  readonly longest: Sessions | string
}

const MAX_APPLICATIONS = 10
const BAR_MARGIN = 30

/** The screen, as lines that are no wider than `columns` once styles are taken away. */
export function topLines(
  look: Look,
  before: Look | null,
  events: readonly string[],
  columns: number,
  style: Terminal['style'],
): string[] {
  const { status } = look
  const lines = [
    headLine(status, style),
    barLine(status, Math.max(10, columns - BAR_MARGIN), style),
    rateLine(look, before),
    '',
    ...applicationLines(look, before),
  ]
  lines.push('', ...longestLines(look.longest))
  if (events.length > 0) lines.push('', 'Recent events', ...events)
  return lines
}

function headLine(
  { license, version, uptimeSeconds, journal, stateDatabase, draining }: Status,
  style: Terminal['style'],
): string {
  const remarks = [
    journal === 'degraded' ? style('red', 'journal degraded') : null,
    stateDatabase === 'degraded' ? style('red', 'state degraded') : null,
    draining ? style('red', 'stopping') : null,
  ].filter(remark => remark !== null)
  const state = style(stateStyles[license.state], license.state)
  return [`sessiond ${version}, up ${durationText(uptimeSeconds)}`, `license ${state}`, ...remarks].join('; ')
}

function barLine(status: Status, width: number, style: Terminal['style']): string {
  const { inUse, limit, usage, peak } = status
  const full = limit === 0 ? 0 : Math.min(width, Math.round((inUse / limit) * width))
  const bar = style(usageStyles[usage], '#'.repeat(full)) + '.'.repeat(width - full)
  return `[${bar}] ${inUse}/${limit} ${usageText(status)}, peak ${peak}`
}

function rateLine(look: Look, before: Look | null): string {
  const { status } = look
  const denied = (counts: Status['denied']) => Object.values(counts).reduce((sum, count) => sum + count, 0)
  const was = before?.status
  const rates = [
    ['granted', status.granted, was?.granted],
    ['released', status.released, was?.released],
    ['refused', denied(status.denied), was === undefined ? undefined : denied(was.denied)],
  ] as const
  const texts = rates.map(([name, now, then]) => `${rateText(now, then, look, before)} ${name}`)
  return `${texts.join(', ')} a second; ${status.orphaned} orphaned, ${status.connections} connections`
}

function applicationLines(look: Look, before: Look | null): string[] {
  const { applications } = look.status
  if (applications.length === 0) return ['No application yet.']
  const table = plainTable(['Application', 'in use', 'max', 'granted/s', 'refused/s'], [1, 2, 3, 4])
  for (const { name, inUse, max, granted, denied } of applications.slice(0, MAX_APPLICATIONS)) {
    const was = before?.status.applications.find(one => one.name === name)
    table.push([
      name,
      inUse,
      max ?? '-',
      rateText(granted, was?.granted, look, before),
      rateText(denied, was?.denied, look, before),
    ])
  }
  const more = applications.length - MAX_APPLICATIONS
  return [...tableLines(table.toString()), ...(more > 0 ? [`${more} more applications.`] : [])]
}

function longestLines(longest: Look['longest']): string[] {
  if (typeof longest === 'string') return [`Longest sessions: ${longest}`]
  if (longest.length === 0) return ['No session is held.']
  const table = plainTable(['Longest sessions', 'Application', 'Client', 'Held for'], [3])
  for (const { id, application, client, ageSeconds } of longest) {
    table.push([id, application, client ?? '-', durationText(ageSeconds)])
  }
  return tableLines(table.toString())
}

function tableLines(text: string): string[] {
  return text.split('\n').map(line => line.trimEnd())
}

/** What a counter rose by in a second; - where there is nothing to compare with, such as after a restart. */
function rateText(now: number, then: number | undefined, look: Look, before: Look | null): string {
  if (then === undefined || before === null || now < then) return '-'
  if (before.status.instanceId !== look.status.instanceId) return '-'
  return (((now - then) * 1000) / Math.max(1, look.at - before.at)).toFixed(1)
}

/** What happened between two looks, in words. */
export function eventsBetween(before: Status, after: Status): string[] {
  const events: string[] = []
  const changed = (what: string, was: unknown, is: unknown) => {
    if (was !== is) events.push(`${what}: ${was} -> ${is}`)
  }
  if (before.instanceId !== after.instanceId) events.push('sessiond was started again')
  changed('license', before.license.state, after.license.state)
  changed('limit', before.limit, after.limit)
  changed('usage', before.usage, after.usage)
  changed('journal', before.journal, after.journal)
  changed('state database', before.stateDatabase, after.stateDatabase)
  changed('leaked', before.leaked, after.leaked)
  for (const [reason, count] of Object.entries(after.denied)) {
    const more = count - (before.denied[reason] ?? 0)
    if (more > 0) events.push(`refused: ${more} ${reason}`)
  }
  return events
}
