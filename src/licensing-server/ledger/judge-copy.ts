import { formatInstant } from '../../license/instant.ts'
import { eventOf, installationStream, type LedgerEvent, type SuspicionReason } from './events.ts'
import type { Installation, LedgerChange, Situation, Standing } from './model.ts'
import { machineAct, type Question } from './question.ts'
import { type Refusal, refusal } from './refusals.ts'
import { type History, type Lineage, lineageOf } from './same-machine.ts'

/** Whether this copy of the machine is served, and what it leaves on the installation's record. */
export type CopyJudgement =
  | { served: true; standing: Standing; events: LedgerEvent[] }
  | { served: false; refusal: Refusal }

/**
 * Clone detection. Two machines with one identity raise the generation in turns, and each time the one that
 * is behind shows it. So does a machine that was restored from a backup, once. Therefore the first stale
 * request is served *and* noted (`clone-suspected`): a restored machine works on, and from then on carries the last
 * generation. If the copy that is now behind asks too, there are two, and the one that is behind is refused,
 * until the representative clears or blocks the installation. A refusal takes nothing away: the license
 * that the copy holds stays good until its own dates.
 *
 * `anew`: the machine was set up anew and was activated again with an installation key.
 */
export function judgeCopy(
  question: Question,
  situation: Situation,
  history: History,
  anew: boolean,
): CopyJudgement {
  const { installation, issue, customer } = situation
  const { installationId, standing, state } = installation
  const representative = customer.representative
  const line = lineageOf(question.request, installation, issue, history)
  // An old file stays an old file, also where it was made before the first license of the machine.
  const lineage: Lineage = anew && line !== 'outdated' ? 'current' : line
  if (lineage === 'outdated') {
    const licensedAt = formatInstant(installation.licensedAt)
    return { served: false, refusal: refusal('request-outdated', { licensedAt }) }
  }
  const suspicious = lineage === 'stale' && standing === 'good'
  if (suspicious) {
    const events = [suspicionEvent(question, installation, 'stale-generation')]
    return { served: true, standing: 'clone-suspected', events }
  }
  // What deactivates is for every copy.
  if (state !== 'active') return { served: true, standing, events: [] }
  if (standing === 'blocked') {
    return { served: false, refusal: refusal('installation-blocked', { installationId, representative }) }
  }
  if (standing === 'clone-suspected' && (lineage === 'stale' || anew)) {
    return { served: false, refusal: refusal('clone-suspected', { installationId, representative }) }
  }
  if (standing !== 'cleared') return { served: true, standing, events: [] }
  const change = { from: standing, to: 'good', note: 'The first request after the clearance.' } as const
  const event = eventOf(installationStream(installationId), machineAct(question), 'standing-changed', change)
  return { served: true, standing: 'good', events: [event] }
}

/** What is written where a copy shows itself in a request that is refused; null where it is known already. */
export function noteSuspicion(
  question: Question,
  installation: Installation,
  reason: SuspicionReason,
): LedgerChange | null {
  if (installation.standing === 'clone-suspected' || installation.standing === 'blocked') return null
  return {
    installation: { ...installation, standing: 'clone-suspected' },
    events: [suspicionEvent(question, installation, reason)],
  }
}

function suspicionEvent(
  question: Question,
  installation: Installation,
  reason: SuspicionReason,
): LedgerEvent {
  const { generation, installationId } = installation
  const data = { reason, generation, askedAs: question.request.generation, jkt: question.jkt }
  return eventOf(installationStream(installationId), machineAct(question), 'clone-suspected', data)
}
