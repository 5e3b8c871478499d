import { type ClientRecord, withoutProcesses } from '../session/client-table.ts'
import type { SessionCounter } from '../session/counter.ts'
import type { SessionRecord } from '../session/records.ts'

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
    readonly sessions: Iterable<SessionRecord>
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

/** Takes what the journal has of the last run into the counter. `now` is monotonic milliseconds. */
export function restoreSessions(
  journal: OpenedJournal,
  counter: SessionCounter,
  archive: StandingArchive,
  now: number,
): void {
  const { clients, sessions, flaw } = journal.content
  const wasBehind = archive.read(STANDING) === BEHIND
  counter.restore(wasBehind || flaw !== null ? withoutProcesses(clients) : clients, sessions, now)
  journal.contentTaken()
  // From here on the journal says itself whose processes are unknown, and the next run needs no note of it.
  journal.commit(counter)
  if (journal.degraded !== wasBehind) noteStanding(archive, journal.degraded)
}
