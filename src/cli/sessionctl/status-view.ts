import Table from 'cli-table3'
import type { ResultOf } from '../../protocol/schemas.ts'
import { counted } from '../counted.ts'
import type { Terminal } from '../terminal.ts'
import { reactivationText } from './reactivation-text.ts'

type Status = ResultOf<'status.get'>
type Style = Parameters<Terminal['style']>[0]

/** Green where calls pass, yellow where somebody should act, red where calls are refused. */
export const stateStyles: Record<Status['license']['state'], Style> = {
  active: 'green',
  expiring: 'yellow',
  grace: 'yellow',
  expired: 'red',
  'reactivation-overdue': 'yellow',
  unlicensed: 'red',
  deactivated: 'red',
  'machine-mismatch': 'red',
}

/** Where no call gets a session before somebody acts. */
const grantsNothing: ReadonlySet<Status['license']['state']> = new Set([
  'expired',
  'unlicensed',
  'deactivated',
  'machine-mismatch',
])

export const usageStyles: Record<Status['usage'], Style> = {
  safe: 'green',
  warning: 'yellow',
  critical: 'red',
  full: 'red',
}

/** The state stays for a while after use has fallen; what was full must not look as if it were. */
export function usageText({ usage, inUse, limit }: Pick<Status, 'usage' | 'inUse' | 'limit'>): string {
  return usage === 'full' && inUse < limit ? 'lately full' : usage
}

/** A table without lines between its cells, which can be cut by column and read by a screen reader. */
export function plainTable(head: string[], alignRight: number[]): Table.Table {
  const none = { top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '' }
  const more = { 'bottom-left': '', 'bottom-right': '', left: '', 'left-mid': '', mid: '', 'mid-mid': '' }
  return new Table({
    chars: { ...none, ...more, right: '', 'right-mid': '', middle: '  ' },
    head,
    colAligns: head.map((_, column) => (alignRight.includes(column) ? 'right' : 'left')),
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  })
}

/** The status for people: license, sessions, what was refused, applications. */
export function statusLines(status: Status, terminal: Terminal): string[] {
  const { license } = status
  const mark = license.demonstration ? terminal.style('yellow', ' (demonstration)') : ''
  const state = terminal.style(stateStyles[license.state], license.state)
  const isShut = grantsNothing.has(license.state)
  const free = isShut ? 'no new one is granted' : `${Math.max(0, status.limit - status.inUse)} free`
  const orphaned = status.orphaned === 0 ? '' : `, ${status.orphaned} of them orphaned`
  const usage =
    status.usage === 'safe' ? '' : ` (${terminal.style(usageStyles[status.usage], usageText(status))})`
  const lines = [
    `License      ${state}${mark}: ${license.message}`,
    ...(isShut || license.state === 'reactivation-overdue'
      ? ['             What to do about it: sessionctl license show']
      : []),
    `Reactivation ${reactivationText(status.reactivation, terminal)}`,
    `Sessions     ${terminal.style('bold', `${status.inUse} of ${status.limit}`)} in use${usage}, ${free}${orphaned}; peak ${status.peak}`,
    `Granted      ${status.granted} since the start, ${status.released} released, ${status.leaked} leaked`,
    `Refused      ${refusedText(status.denied)}`,
    `Connections  ${status.connections}, by ${counted(status.clients, 'client')}; this command included`,
    `Daemon       ${status.version}, up ${durationText(status.uptimeSeconds)}${daemonRemarks(status, terminal)}`,
  ]
  if (status.applications.length > 0) lines.push('', ...applicationLines(status))
  return lines
}

function daemonRemarks(status: Status, terminal: Terminal): string {
  const remarks = []
  if (status.journal === 'degraded') remarks.push('the journal cannot be written, see the log')
  if (status.stateDatabase === 'degraded') remarks.push('the state database cannot be written, see the log')
  if (status.draining) remarks.push('stopping, grants nothing more')
  return remarks.map(remark => `, ${terminal.style('red', remark)}`).join('')
}

function refusedText(denied: Status['denied']): string {
  const reasons = Object.entries(denied).filter(([, count]) => count > 0)
  if (reasons.length === 0) return 'none since the start'
  return reasons.map(([reason, count]) => `${count} ${reason}`).join(', ')
}

function applicationLines(status: Status): string[] {
  const table = plainTable(['Application', 'in use', 'max', 'granted', 'refused'], [1, 2, 3, 4])
  for (const { name, inUse, max, granted, denied } of status.applications) {
    table.push([name, inUse, max ?? '-', granted, denied])
  }
  return table
    .toString()
    .split('\n')
    .map(line => line.trimEnd())
}

/** `1 d 3 h`, `12 min 5 s`: the two largest units. */
export function durationText(seconds: number): string {
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [Math.floor(seconds) % 60, 's'],
  ]
  const first = parts.findIndex(([count]) => count > 0)
  if (first === -1) return '0 s'
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ')
}
