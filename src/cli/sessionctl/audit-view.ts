import type { ChainHead } from '../../daemon/audit/chain.ts'
import type { AuditActor, AuditEvent } from '../../daemon/audit/event.ts'

/** One line an event, with what changed and who did it on lines below. */
export function auditLines(events: readonly AuditEvent[]): string[] {
  return events.length === 0 ? ['No event.'] : events.flatMap(eventLines)
}

/** As `--expect` takes it. */
export function headText({ number, hash }: ChainHead): string {
  return `${number}:${hash}`
}

function eventLines({ number, at, what, actor, before, after, detail }: AuditEvent): string[] {
  const lines = [`${number}  ${new Date(at).toISOString()}  ${what}  by ${actorText(actor)}`]
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])]
  for (const name of names) {
    const [was, is] = [valueText(before?.[name]), valueText(after?.[name])]
    if (was === is) continue
    // A value alone says something only where there is one.
    if ((before === null || after === null) && (before ?? after)?.[name] === null) continue
    lines.push(
      before === null || after === null
        ? `     ${name} ${after === null ? was : is}`
        : `     ${name} ${was} -> ${is}`,
    )
  }
  for (const [name, value] of Object.entries(detail ?? {})) {
    if (value !== null && !(Array.isArray(value) && value.length === 0))
      lines.push(`     ${name}: ${valueText(value)}`)
  }
  return lines
}

function actorText({ program, uid, user, certainty, behalfOf }: AuditActor): string {
  const who = `${user ?? 'user'} (uid ${uid ?? 'unknown'}, ${certainty}) with ${program}`
  return behalfOf === undefined
    ? who
    : `${who}, for ${behalfOf.user ?? 'user'} (uid ${behalfOf.uid}, claimed)`
}

/** As JSON, so that no text of a license or a client can play with the terminal. */
function valueText(value: unknown): string {
  return value === undefined ? '-' : JSON.stringify(value).replaceAll(/[\u007f-\u009f]/g, '?')
}
