import { existsSync, readFileSync } from 'node:fs'
import { readJournalAlone } from '../support/journal-reader.ts'
import type { Site } from '../support/site.ts'
import type { JournalRow } from './book.ts'

/** Reads what the journal of a dead daemon holds; nothing of the product reads it. */
export function readJournalCopy(site: Site): JournalRow[] {
  if (!existsSync(site.journalFile)) return []
  const { clients, sessions } = readJournalAlone(readFileSync(site.journalFile))
  return [...sessions.values()].map(({ slot, key, nonceHigh, nonceLow, client }) => ({
    slot,
    key,
    nonceHigh,
    nonceLow,
    client: clients.get(client)?.label ?? null,
  }))
}
