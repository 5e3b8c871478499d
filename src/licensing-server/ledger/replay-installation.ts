import type { ChainHead } from './chain.ts'
import type { LedgerEvent } from './events.ts'
import type { InstallationState, Situation, Standing } from './model.ts'

/** What the events of an installation, from the first on, say that it is. */
export interface InstallationBook {
  generation: number
  licenseId: string
  jkt: string
  fingerprint: string
  state: InstallationState
  standing: Standing
}

export function emptyInstallationBook(): InstallationBook {
  return { generation: 0, licenseId: '', jkt: '', fingerprint: '', state: 'active', standing: 'good' }
}

/** Enters one event; returns what is wrong with it, or null. */
export function enterInstallationEvent(book: InstallationBook, event: LedgerEvent): string | null {
  switch (event.type) {
    case 'licensed': {
      const { generation, licenseId, jkt, fingerprint } = event.data
      if (generation <= book.generation) return `generation ${generation} follows ${book.generation}`
      Object.assign(book, { generation, licenseId, jkt })
      if (fingerprint !== undefined) book.fingerprint = JSON.stringify(fingerprint)
      return null
    }
    case 'clone-suspected':
      book.standing = 'clone-suspected'
      return null
    case 'standing-changed': {
      const { from, to } = event.data
      const flaw = from === book.standing ? null : `it was ${book.standing}, not ${from}`
      book.standing = to
      return flaw
    }
    case 'leaving':
      return turn(book, 'active', 'leaving')
    case 'stays':
      return turn(book, 'leaving', 'active')
    case 'deactivated':
      return turn(book, 'leaving', 'deactivated')
    case 'deactivation-confirmed':
      return null
    default:
      return `an event ${event.type} does not belong to an installation`
  }
}

function turn(book: InstallationBook, from: InstallationState, to: InstallationState): string | null {
  const flaw = book.state === from ? null : `it was ${book.state}, not ${from}`
  book.state = to
  return flaw
}

/** Where the rows of an installation and of its last license differ from what the events say. */
export function compareInstallation(
  book: InstallationBook,
  { installation, issue }: Situation,
  end: ChainHead,
): string[] {
  const { generation, jkt, fingerprint, state, standing } = installation
  const rows = { generation, licenseId: issue?.licenseId, jkt, fingerprint: JSON.stringify(fingerprint) }
  const flaws = Object.entries({ ...rows, state, standing })
    .filter(([name, value]) => value !== book[name as keyof InstallationBook])
    .map(
      ([name, value]) =>
        `${name}: the row says ${value}, the events say ${book[name as keyof InstallationBook]}`,
    )
  const { sequence } = installation.head
  if (sequence !== end.sequence) flaws.push(`events: the row knows ${sequence}, there are ${end.sequence}`)
  return flaws
}
