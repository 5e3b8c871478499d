import {
  type FingerprintMatch,
  type MachineFingerprint,
  matchFingerprint,
} from '../../license/fingerprint.ts'
import type { MachineRequest } from '../../license/machine-request.ts'
import type { LedgerEvent } from './events.ts'
import type { Installation, Issue } from './model.ts'

/** Compares what was activated with what asks. Without facts (a demonstration) the machine key alone decides. */
export function compareMachines(
  activated: MachineFingerprint | null,
  asking: MachineFingerprint | null,
): Pick<FingerprintMatch, 'matches' | 'explanation'> {
  if (activated === null)
    return { matches: true, explanation: 'The license is bound by the machine key alone.' }
  if (asking === null) return { matches: false, explanation: 'The request carries no fingerprint.' }
  return matchFingerprint(activated, asking)
}

/**
 * Of the installations that might be this machine: the one with its key, else the one whose fingerprint fits
 * (of several, the one that was licensed last). Deactivated ones are no candidates: their claim is gone.
 */
export function findSameMachine(
  candidates: readonly Installation[],
  asking: { jkt: string; fingerprint: MachineFingerprint | null },
): Installation | null {
  const living = candidates.filter(candidate => candidate.state !== 'deactivated')
  const byKey = living.find(candidate => candidate.jkt === asking.jkt)
  if (byKey !== undefined) return byKey
  const fitting = living.filter(
    ({ fingerprint }) => fingerprint !== null && compareMachines(fingerprint, asking.fingerprint).matches,
  )
  return fitting.sort((left, right) => right.licensedAt - left.licensedAt)[0] ?? null
}

/**
 * Where a request stands in the line of licenses of its installation.
 *
 * `current`   it comes from the copy that was licensed last: it carries the last generation, or it carries an
 *             older one and knows the request that the last license answered (the reply was lost, or the
 *             license could not be installed). A copy made earlier cannot know that request's random id.
 * `ahead`     its generation is higher than the ledger's: the ledger was restored from a backup.
 * `outdated`  it was answered itself before the last one, or one that was answered names it as made before: an
 *             old file was sent late, or again. It says nothing of a copy, and gives a copy nothing either.
 * `stale`     none of these: a second copy of the machine, or a machine restored from a backup.
 */
export type Lineage = 'current' | 'ahead' | 'outdated' | 'stale'

/** A ledger restored from a backup has lost some generations, not more than these. */
const maxLostGenerations = 100_000

export function lineageOf(
  request: Pick<MachineRequest, 'requestId' | 'generation' | 'earlierRequestIds'>,
  installation: Pick<Installation, 'generation'>,
  issue: Pick<Issue, 'requestId'> | null,
  history: History,
): Lineage {
  const ahead = request.generation - installation.generation
  if (ahead === 0) return 'current'
  if (ahead > 0 && ahead <= maxLostGenerations) return 'ahead'
  if (issue !== null && request.earlierRequestIds?.includes(issue.requestId)) return 'current'
  return history.requestIds.has(request.requestId) ? 'outdated' : 'stale'
}

/** What the events of an installation tell of its past. */
export interface History {
  /** Requests that were answered with a license, and those that they named: none of them gets another license. */
  requestIds: ReadonlySet<string>
  /** Thumbprints of the machine keys to which it was bound. */
  keys: ReadonlySet<string>
}

/** As many of its latest events as are looked at: more than a year of daily reactivations. */
export const historyEvents = 500

export function readHistory(events: readonly LedgerEvent[]): History {
  const requestIds = new Set<string>()
  const keys = new Set<string>()
  for (const event of events) {
    if (event.type !== 'licensed') continue
    requestIds.add(event.data.requestId)
    const { earlierRequestIds = [], overtakenRequestIds = [] } = event.data
    for (const requestId of [...earlierRequestIds, ...overtakenRequestIds]) requestIds.add(requestId)
    keys.add(event.data.jkt)
  }
  return { requestIds, keys }
}

/** What a request tells of itself that only the past can settle. Most requests need no look at it. */
export function needsHistory(
  asking: { request: MachineRequest; jkt: string },
  installation: Installation,
): boolean {
  return asking.request.generation !== installation.generation || asking.jkt !== installation.jkt
}

export const noHistory: History = { requestIds: new Set(), keys: new Set() }
