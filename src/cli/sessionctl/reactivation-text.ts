import { sayInstant } from '../../license/instant.ts'
import type { ResultOf } from '../../protocol/schemas.ts'
import type { Terminal } from '../terminal.ts'

type Reactivation = ResultOf<'status.get'>['reactivation']

const owners: Record<Reactivation['owner'], string> = {
  daemon: 'by sessiond',
  systemd: 'by a timer of systemd',
  off: 'by hand',
}

/** Who reactivates, what the last attempt came to, and when the next one is. */
export function reactivationText(reactivation: Reactivation, terminal: Terminal): string {
  const { owner, lastOutcome, lastAttemptAt, nextAttemptAt, failures, lastMessage } = reactivation
  const next = nextAttemptAt === null ? '' : `, next ${say(nextAttemptAt)}`
  const base = `${owners[owner]}${next}`
  if (lastOutcome === null || lastAttemptAt === null) return `${base}; none yet`
  const isGood = lastOutcome === 'refreshed' || lastOutcome === 'deactivated'
  const word = terminal.style(isGood ? 'green' : 'yellow', lastOutcome)
  const times = failures > 1 ? `, ${failures} times` : ''
  return `${base}; last ${say(lastAttemptAt)}: ${word}${times}${isGood ? '' : `. ${lastMessage}`}`
}

function say(iso: string): string {
  return sayInstant(Date.parse(iso))
}
