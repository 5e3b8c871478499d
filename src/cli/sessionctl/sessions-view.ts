import { sayInstant } from '../../license/instant.ts'
import type { ResultOf } from '../../protocol/schemas.ts'
import { durationText, plainTable } from './status-view.ts'

type Found = ResultOf<'sessions.list'>
type Session = Found['sessions'][number]

/** One line for each session, and how many there are besides. */
export function sessionsLines({ total, sessions }: Found): string[] {
  if (total === 0) return ['No session matches.']
  const table = plainTable(['Id', 'Application', 'Client', 'Process', 'Held for', 'State', 'Key'], [3, 4])
  for (const session of sessions) {
    const { id, application, client, pid, ageSeconds, key } = session
    table.push([
      id,
      application,
      client ?? '-',
      pid ?? '-',
      durationText(ageSeconds),
      stateText(session),
      key,
    ])
  }
  const lines = table
    .toString()
    .split('\n')
    .map(line => line.trimEnd())
  if (total > sessions.length) lines.push('', `${total - sessions.length} more, younger ones.`)
  return lines
}

export function sessionLines(session: Session): string[] {
  const { id, key, application, client, pid, grantedAt, ageSeconds } = session
  return [
    `Id           ${id}`,
    `Key          ${key}`,
    `Application  ${application}`,
    `Client       ${client ?? 'none named'}`,
    `Process      ${pid ?? 'none named, or not seen'}`,
    `Granted      ${sayInstant(Date.parse(grantedAt))}, ${durationText(ageSeconds)} ago`,
    `State        ${stateText(session)}`,
  ]
}

/** A session in a sentence. */
export function sessionText({ id, key, application, client, ageSeconds }: Session): string {
  const holder = client === null ? '' : `, held by ${client}`
  return `session ${id} (key ${key}, application ${application}${holder}, for ${durationText(ageSeconds)})`
}

function stateText({ orphaned, resumableSeconds }: Session): string {
  return orphaned ? `orphaned, ${durationText(resumableSeconds ?? 0)} to resume` : 'held'
}
