import type { ClientRecord } from '../session/client-table.ts'
import type { SessionCounter } from '../session/counter.ts'
import type { EarlierSessions } from '../session/records.ts'
import type { Logger } from './log.ts'

/** Where the standing of the journal is noted; the state database. */
export interface StandingArchive {
  read(name: string): string | null
  /** Writes it as soon as that can be done. Throws nothing. */
  keep(name: string, value: string): void
}

/** The journal, when it was opened. */
export interface OpenedJournal {
  readonly content: {
    readonly clients: readonly ClientRecord[]
    readonly sessions: EarlierSessions
    readonly flaw: string | null
  }
  readonly degraded: boolean
  contentTaken(): void
  commit(counter: SessionCounter): void
}

const STANDING = 'journal-standing'
const BEHIND = 'behind'

/** Notes whether the journal lacks what was told since; a journal that cannot be written cannot say so itself. */
export function noteStanding(archive: StandingArchive, isBehind: boolean): void {
  archive.keep(STANDING, isBehind ? BEHIND : 'whole')
}

/**
 * Takes what the journal has of the last run into the counter; nothing is written. `now` is monotonic milliseconds.
 * Gives how to begin this run in the journal. Call that before the first commit, and not before it is known that there
 * will be one: in the file it is then this run whose tokens count, and one whose start fails has none.
 */
export function restoreSessions(
  journal: OpenedJournal,
  counter: SessionCounter,
  { archive, log }: { readonly archive: StandingArchive; readonly log: Pick<Logger, 'info'> },
  now: number,
): () => void {
  const { clients, sessions, flaw } = journal.content
  const wasBehind = archive.read(STANDING) === BEHIND
  counter.restore(clients, sessions, now, wasBehind || flaw !== null)
  journal.contentTaken()
  const { inUse } = counter
  if (inUse > 0)
    log.info({ sessions: inUse }, 'Sessions of the last run are counted, and wait to be resumed.')
  return () => {
    // From here on the journal says itself whose processes are unknown, and the next run needs no note of it.
    journal.commit(counter)
    if (journal.degraded !== wasBehind) noteStanding(archive, journal.degraded)
  }
}
