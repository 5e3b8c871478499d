import { Fault, messageOf } from '../../errors.ts'
import type { AuditDraft } from './event.ts'

interface LicenseState {
  readonly state: string
  readonly admits: boolean
  readonly message: string
}

export function licenseStateEvent(before: LicenseState, after: LicenseState): AuditDraft {
  const state = ({ state, admits }: LicenseState) => ({ state, admits })
  return {
    what: 'license.state',
    before: state(before),
    after: state(after),
    detail: { message: after.message },
  }
}

/** A configuration that was not taken, neither in whole nor in part. */
export function configRejectedEvent(why: unknown): AuditDraft {
  const code = why instanceof Fault ? why.code : null
  return { what: 'config.rejected', detail: { code, message: messageOf(why) } }
}

/** Shown as what it is: the daemon did it, because somebody on the operators' socket said to be that user. */
export function releaseEvent(released: {
  readonly operator: {
    readonly uid: number | null
    readonly user: string | null
    readonly behalfOf?: { readonly uid: number | null; readonly user: string | null }
  }
  readonly reason: string | null
  readonly session: object | null
}): AuditDraft {
  const { operator, reason, session } = released
  return {
    what: 'session.released',
    actor: { program: 'operators-socket', ...operator, certainty: 'claimed' },
    before: session as Record<string, unknown> | null,
    detail: { reason },
  }
}
