import type { LedgerEvent } from './events.ts'
import { type Installation, type InstallationKey, type Pool, type Transfer, unitOf } from './model.ts'

/** What the events of a pool, from the first on, say that it is. */
export interface PoolBook {
  total: number
  terms: string
  /** Units by holder: an installation's id, or a transfer's while the claim waits. Holders of 0 stay known. */
  claims: Map<string, number>
  /** Their sum. */
  claimed: number
  /** Keys, and whether each was withdrawn. */
  keys: Map<string, boolean>
}

export function emptyPoolBook(): PoolBook {
  return { total: 0, terms: '', claims: new Map(), claimed: 0, keys: new Map() }
}

/** Enters one event; returns what is wrong with it, or null. */
export function enterPoolEvent(book: PoolBook, event: LedgerEvent): string | null {
  const flaw = enter(book, event)
  if (flaw !== null) return flaw
  return book.claimed > book.total ? `${book.claimed} are claimed of ${book.total}` : null
}

function enter(book: PoolBook, event: LedgerEvent): string | null {
  const { claims, keys } = book
  const owned = (holder: string) => claims.get(holder) ?? 0
  switch (event.type) {
    case 'pool-opened':
      book.total = event.data.total
      book.terms = JSON.stringify(event.data.terms)
      return null
    case 'units-added':
      book.total += event.data.units
      return book.total === event.data.total ? null : `${event.data.total} are said to be its total`
    case 'terms-changed':
      book.terms = JSON.stringify(event.data.terms)
      return null
    case 'key-created':
      keys.set(event.data.keyId, false)
      return null
    case 'key-revoked':
      keys.set(event.data.keyId, true)
      return null
    case 'claimed':
      if (claims.has(event.data.installationId)) return `${event.data.installationId} claims twice`
      claims.set(event.data.installationId, event.data.units)
      book.claimed += event.data.units
      return null
    case 'claim-raised': {
      const { installationId, from, to } = event.data
      if (owned(installationId) !== from)
        return `${installationId} owned ${owned(installationId)}, not ${from}`
      if (to <= from) return `${installationId} is lowered from ${from} to ${to}`
      claims.set(installationId, to)
      book.claimed += to - from
      return null
    }
    case 'transfer-released':
      return move(claims, event.data.installationId, event.data.transferId, event.data.units)
    case 'transfer-taken':
      return move(claims, event.data.transferId, event.data.installationId, event.data.units)
    case 'transfer-started':
    case 'transfer-cancelled':
      return null
    default:
      return `an event ${event.type} does not belong to a pool`
  }
}

/** A claim leaves one holder whole, and is added to what the other has. */
function move(claims: Map<string, number>, from: string, to: string, units: number): string | null {
  if (claims.get(from) !== units) return `${from} owned ${claims.get(from) ?? 0}, not ${units}`
  claims.set(from, 0)
  claims.set(to, (claims.get(to) ?? 0) + units)
  return null
}

/** Where the row of a pool, of its installations, transfers and keys differ from what the events say. */
export function comparePool(
  book: PoolBook,
  rows: { pool: Pool; installations: Installation[]; transfers: Transfer[]; keys: InstallationKey[] },
): string[] {
  const { pool } = rows
  const unit = unitOf(pool.product)
  const flaws: string[] = []
  const expect = (what: string, row: unknown, events: unknown) => {
    if (row !== events) flaws.push(`${what}: the row says ${row}, the events say ${events}`)
  }
  expect(`total ${unit}`, pool.total, book.total)
  expect(`claimed ${unit}`, pool.claimed, book.claimed)
  expect('terms', JSON.stringify(pool.terms), book.terms)
  const holders = new Map(book.claims)
  for (const { installationId, units } of rows.installations) {
    expect(`${unit} of installation ${installationId}`, units, holders.get(installationId) ?? 'nothing')
    holders.delete(installationId)
  }
  for (const { transferId, units } of rows.transfers) {
    expect(`${unit} of transfer ${transferId}`, units, holders.get(transferId) ?? 0)
    holders.delete(transferId)
  }
  for (const holder of holders.keys()) flaws.push(`${holder}: the events tell of it, and there is no row`)
  const keys = new Map(book.keys)
  for (const { keyId, revokedAt } of rows.keys) {
    expect(`key ${keyId} withdrawn`, revokedAt !== null, keys.get(keyId) ?? 'nothing')
    keys.delete(keyId)
  }
  for (const keyId of keys.keys()) flaws.push(`key ${keyId}: the events tell of it, and there is no row`)
  return flaws
}
