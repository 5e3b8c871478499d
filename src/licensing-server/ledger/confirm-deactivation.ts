import { eventOf, installationStream } from './events.ts'
import type { LedgerChange, Situation } from './model.ts'
import { machineAct, type Question } from './question.ts'
import { type Refusal, refusal } from './refusals.ts'
import { compareMachines } from './same-machine.ts'
import { releaseClaim } from './transfers.ts'

export type ConfirmationDecision =
  | { kind: 'confirmed'; change: LedgerChange }
  | { kind: 'repeat' }
  | { kind: 'refuse'; refusal: Refusal }

/**
 * Decides about the machine's signed statement that it runs no more on the license that was taken from it.
 * The first one frees the claim for the machine that it moves to. One that comes after a declaration moves
 * nothing any more, and is kept as evidence all the same.
 */
export function decideConfirmation(
  question: Question,
  requestText: string,
  situation: Situation,
): ConfirmationDecision {
  const { request, jkt } = question
  const { installation, transfer, customer } = situation
  const { installationId } = installation
  const { representative } = customer
  const licenseId = request.deactivationOf ?? ''
  if (jkt !== installation.jkt) return no(refusal('other-machine-key', { installationId, representative }))
  const match = compareMachines(installation.fingerprint, request.fingerprint)
  if (!match.matches) {
    const { explanation } = match
    return no(refusal('other-machine', { installationId, explanation, representative }))
  }
  if (transfer === null || !transfer.deactivationLicenseIds.includes(licenseId)) {
    return no(refusal('deactivation-not-asked', { licenseId }))
  }
  if (transfer.confirmation !== null) return { kind: 'repeat' }
  const { transferId } = transfer
  const released: LedgerChange =
    transfer.state === 'leaving'
      ? releaseClaim(situation, transfer, machineAct(question), null)
      : { installation, transfer, events: [] }
  const confirmed = { transferId, licenseId, requestId: request.requestId }
  const act = machineAct(question)
  return {
    kind: 'confirmed',
    change: {
      ...released,
      transfer: { ...(released.transfer ?? transfer), confirmation: requestText.trim() },
      events: [
        eventOf(installationStream(installationId), act, 'deactivation-confirmed', confirmed),
        ...released.events,
      ],
    },
  }
}

function no(of: Refusal): ConfirmationDecision {
  return { kind: 'refuse', refusal: of }
}
