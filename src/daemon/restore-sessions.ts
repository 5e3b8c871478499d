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

/** What a run notes of itself, and where. */
export interface RunNotes {
  readonly archive: StandingArchive
  readonly log: Pick<Logger, 'info'>
  /** Notes that this run serves clients now; see `openTokenSigners`. */
  readonly noteRun: () => void
}

/**
 * Takes what the journal has of the last run into the counter; nothing is written. `now` is monotonic milliseconds.
 * Gives how to begin this run: call that when it serves clients. One whose start fails must not have its name in the
 * journal, which tells of which run and era the tokens are that count.
 */
export function restoreSessions(
  journal: OpenedJournal,
  counter: SessionCounter,
  { archive, log, noteRun }: RunNotes,
  now: number,
): () => void {
  const { clients, sessions, flaw } = journal.content
  const wasBehind = archive.read(STANDING) === BEHIND
  // Where bytes are damaged, a client may be named by the number of another: sessions are proven by their tokens alone.
  counter.restore(flaw === null ? clients : [], sessions, now, wasBehind)
  journal.contentTaken()
  const { inUse } = counter
  if (inUse > 0)
    log.info({ sessions: inUse }, 'Sessions of the last run are counted, and wait to be resumed.')
  return () => {
    noteRun()
    // From here on the journal says itself whose processes are unknown, and the next run needs no note of it.
    journal.commit(counter)
    if (journal.degraded !== wasBehind) noteStanding(archive, journal.degraded)
  }
}
