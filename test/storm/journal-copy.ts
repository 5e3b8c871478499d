import { copyFileSync, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import type { Site } from '../support/site.ts'
import type { JournalRow } from './book.ts'

const SESSIONS = `
  SELECT slot, key, nonce_high AS nonceHigh, nonce_low AS nonceLow, label AS client
  FROM sessions LEFT JOIN clients ON number = client ORDER BY slot
`

/** Reads what the journal of a dead daemon holds, from a copy: SQLite itself, and nothing of ours, reads it. */
export function readJournalCopy(site: Site): JournalRow[] {
  if (!existsSync(site.journalFile)) return []
  const copy = join(site.folder, 'journal-copy.db')
  for (const end of ['', '-wal']) {
    rmSync(`${copy}${end}`, { force: true })
    if (existsSync(`${site.journalFile}${end}`)) copyFileSync(`${site.journalFile}${end}`, `${copy}${end}`)
  }
  rmSync(`${copy}-shm`, { force: true })
  const database = new Database(copy)
  try {
    const { integrity_check: verdict } = database.prepare('PRAGMA integrity_check').get() as Record<
      string,
      string
    >
    if (verdict !== 'ok') throw new Error(`The journal is damaged: ${verdict}`)
    return database.prepare(SESSIONS).all() as JournalRow[]
  } finally {
    database.close()
  }
}
