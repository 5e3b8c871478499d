import { userInfo } from 'node:os'

/** What is worth a row in the audit trail; docs/audit.md explains each. */
export const auditEvents = [
  'daemon.started',
  'daemon.stopped',
  'license.installed',
  'license.accepted',
  'license.rolled-back',
  'license.rejected',
  'license.state',
  'usage.state',
  'journal.degraded',
  'journal.healed',
  'config.reloaded',
  'config.rejected',
  'session.released',
  'state.set-aside',
  'state.healed',
  'audit.gap',
] as const

export type AuditEventName = (typeof auditEvents)[number]

/**
 * Who did it. `seen`: the kernel says so, since the process that writes the row runs as that user. `claimed`: a program
 * at the other end of a socket said so, and nothing here can prove it.
 */
export interface AuditActor {
  readonly program: string
  readonly uid: number | null
  readonly user: string | null
  readonly certainty: 'seen' | 'claimed'
  /** Who became that user by sudo, as sudo told; always a claim. */
  readonly behalfOf?: { readonly uid: number | null; readonly user: string | null } | undefined
}

type Facts = { readonly [name: string]: unknown }

/** An event before it has its place in the trail. */
export interface AuditDraft {
  readonly what: AuditEventName
  /** Default: this very process. */
  readonly actor?: AuditActor | undefined
  readonly before?: Facts | null
  readonly after?: Facts | null
  /** What else helps to understand it. */
  readonly detail?: Facts | null
}

/** An event of the trail. */
export interface AuditEvent {
  /** From 1, without gaps. */
  readonly number: number
  /** Wall-clock milliseconds. */
  readonly at: number
  readonly what: AuditEventName
  readonly actor: AuditActor
  readonly before: Facts | null
  readonly after: Facts | null
  readonly detail: Facts | null
}

/** The user that this process runs as, which the kernel vouches for, and who is behind sudo. */
export function thisProcess(
  program: string,
  environment: Readonly<Record<string, string | undefined>> = {},
): AuditActor {
  const uid = process.getuid?.() ?? null
  const sudoUid = Number(environment['SUDO_UID'])
  const isBehalf = uid === 0 && environment['SUDO_UID'] !== undefined && Number.isSafeInteger(sudoUid)
  const behalfOf = isBehalf ? { uid: sudoUid, user: environment['SUDO_USER'] ?? null } : undefined
  return { program, uid, user: userName(), certainty: 'seen', behalfOf }
}

function userName(): string | null {
  try {
    return userInfo().username
  } catch {
    // A container may run as a user that no file names; the number says enough.
    return null
  }
}
