import { parseToken } from '../../src/session/token.ts'
import type { Note } from './ledger.ts'

/** A session as the journal has it. */
export interface JournalRow {
  readonly slot: number
  readonly key: string
  readonly nonceHigh: number
  readonly nonceLow: number
  /** The label of its client. */
  readonly client: string | null
}

/** What one call process must have, and what it may have, by its own notes. */
export class Book {
  readonly client: string
  /** Acknowledged, and its release was not asked for: token by key. */
  readonly held = new Map<string, string>()
  /** Requests of which nobody but the daemon knows whether they were carried out, by key. */
  readonly open = new Set<string>()
  readonly counts = {
    asked: 0,
    granted: 0,
    denied: 0,
    releasing: 0,
    released: 0,
    lost: 0,
    revived: 0,
    twice: 0,
  }
  #dead = false

  constructor(client: string) {
    this.client = client
  }

  get inFlight(): number {
    return this.#dead ? 0 : this.open.size
  }

  /** The process was killed: what it had may be there until the daemon knows, and need not. */
  die(): void {
    this.#dead = true
    for (const key of this.held.keys()) this.open.add(key)
    this.held.clear()
  }

  /** What was left behind by a dead process must be gone now. */
  forget(): void {
    this.open.clear()
  }

  get ghosts(): number {
    return this.#dead ? this.open.size : 0
  }

  take({ deed, key, token }: Note): void {
    this.counts[deed]++
    if (deed === 'granted') this.held.set(key, token)
    if (deed === 'lost' || deed === 'releasing') this.held.delete(key)
    if (deed === 'asked' || deed === 'releasing') this.open.add(key)
    else this.open.delete(key)
  }
}

/**
 * Compares the books of all call processes with what the journal of the daemon holds, and says what is wrong:
 * acknowledged ≤ journal ≤ min(limit, acknowledged + in flight), session by session.
 */
export function compareBooks(books: readonly Book[], rows: readonly JournalRow[], limit: number): string[] {
  const wrong: string[] = []
  const byKey = new Map<string, JournalRow>()
  for (const row of rows) {
    if (byKey.has(row.key)) wrong.push(`counted twice: ${row.key}`)
    byKey.set(row.key, row)
  }
  const known = new Set<string>()
  for (const book of books) {
    for (const [key, token] of book.held) {
      known.add(key)
      const row = byKey.get(key)
      if (row === undefined) wrong.push(`acknowledged and lost: ${key}`)
      else if (!proves(token, row)) wrong.push(`acknowledged under another token: ${key}`)
      else if (row.client !== book.client) wrong.push(`not resumable by ${book.client}: ${key}`)
    }
    for (const key of book.open) known.add(key)
  }
  for (const row of rows) if (!known.has(row.key)) wrong.push(`released or never asked for: ${row.key}`)
  if (rows.length > limit) wrong.push(`over the limit of ${limit}: ${rows.length}`)
  return wrong
}

function proves(token: string, row: JournalRow): boolean {
  const parsed = parseToken(token)
  return (
    parsed !== null &&
    parsed.slot === row.slot &&
    parsed.nonceHigh === row.nonceHigh &&
    parsed.nonceLow === row.nonceLow
  )
}
