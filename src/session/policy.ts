import type { Client } from './client-table.ts'

/** Reasons for which an acquire is refused, in the order in which they are judged. */
export type RefusalReason =
  | 'draining'
  | 'unlicensed'
  | 'license-expired'
  | 'license-deactivated'
  | 'reactivation-required'
  | 'machine-mismatch'
  | 'feature-not-licensed'
  | 'client-limit-reached'
  | 'application-limit-reached'
  | 'limit-reached'

/** What may be configured for one application. */
export interface ApplicationPolicy {
  /** Most sessions of this application at once; null where only the license limits it. */
  readonly max: number | null
  /** The licensed feature that the application needs, if any. */
  readonly feature: string | null
  /** A session older than this is released by the daemon: a call that was forgotten. */
  readonly maxDurationMs: number | null
}

/** All that the counter needs to know of license and configuration. Replaced whole when either changes. */
export interface SessionPolicy {
  /** Licensed sessions. */
  readonly limit: number
  /** Why nothing new is granted at all, or null. */
  readonly refusal: RefusalReason | null
  readonly features: ReadonlySet<string>
  readonly applications: ReadonlyMap<string, ApplicationPolicy>
  readonly maxSessionsPerClient: number
  readonly maxApplications: number
  /** How long orphaned sessions stay counted. */
  readonly resumeWindowMs: number
}

/** Why a session ended. */
export type ReleaseCause = 'released' | 'orphan-timeout' | 'dead-process' | 'max-duration' | 'operator'

export type AcquireDecision =
  | {
      readonly granted: true
      /** True where the key was held already: nothing was counted. */
      readonly repeated: boolean
      readonly slot: number
      readonly token: string
      readonly inUse: number
      readonly limit: number
    }
  | {
      readonly granted: false
      readonly reason: RefusalReason
      readonly inUse: number
      readonly limit: number
    }

export interface ResumeDecision {
  readonly resumed: number
  readonly unknown: string[]
  /** Tokens that were proven by signature and adopted, with the new token of each. */
  readonly replaced: Record<string, string>
}

/** A session that the daemon ended by itself, for the notification to its holder. */
export interface EndedSession {
  readonly client: Client
  readonly token: string
  readonly key: string
  readonly cause: ReleaseCause
}
