import { hash } from 'node:crypto'
import type { License } from '../../license/document.ts'
import type { MachineRequest } from '../../license/machine-request.ts'
import type { Act } from './events.ts'
import { type Issue, type LedgerChange, type Situation, unitOf } from './model.ts'
import { type Refusal, refusal, type Unit } from './refusals.ts'

/** A verified request, with everything that the decision may not make up itself. */
export interface Question {
  request: MachineRequest
  /** Thumbprint of the machine key that signed it. */
  jkt: string
  /** Sessions that the installation wants to own in all; null: as many as it owns. */
  wish: number | null
  /** See digestOf. */
  digest: string
  /** Milliseconds since the epoch; the whole decision happens at this instant. */
  now: number
  /** True on the embedded demonstration server, whose licenses say so and may lack a fingerprint. */
  demonstration: boolean
  /** Ids for what the decision creates. */
  fresh: { licenseId: string; installationId: string }
}

export type LicenseDecision =
  | {
      kind: 'issue'
      /** To be signed; then the change and the issue are written together. */
      license: License
      change: LedgerChange
      issue: Issue
    }
  /**
   * The request was answered before: the same license again, and nothing changes. `blocked`: it is given as it is or
   * not at all, so also where the certificate that signed it was revoked.
   */
  | { kind: 'repeat'; issue: Issue; units: number; unit: Unit; blocked: boolean }
  /** `change`: what is written all the same, such as a suspicion; null: nothing. */
  | { kind: 'refuse'; refusal: Refusal; change: LedgerChange | null }

/** What a machine does by its own request. */
export function machineAct({ now }: Question): Act {
  return { by: 'machine', now }
}

export function refuse(of: Refusal, change: LedgerChange | null = null): LicenseDecision {
  return { kind: 'refuse', refusal: of, change }
}

/** Of the request as it was sent, without the white space that files have around it. */
export function digestOf(requestText: string): string {
  return hash('sha256', requestText.trim(), 'base64url')
}

/**
 * The answer to a request that was answered before; null where it was not. It is the same license, unless
 * the number of sessions that is wanted beside the request is now another one.
 */
export function answerRepeat(
  question: Pick<Question, 'request' | 'digest' | 'wish'>,
  { issue, installation, pool }: Pick<Situation, 'issue' | 'installation' | 'pool'>,
): LicenseDecision | null {
  if (issue === null || issue.requestId !== question.request.requestId) return null
  const units = issue.deactivated ? 0 : installation.units
  const unit = unitOf(pool.product)
  const blocked = installation.standing === 'blocked'
  const wishIsMet = issue.deactivated || question.wish === null || question.wish === units
  if (issue.requestDigest === question.digest && wishIsMet) {
    return { kind: 'repeat', issue, units, unit, blocked }
  }
  return refuse(refusal('request-id-reused', { units, unit }))
}
