import type { License } from '../license/document.ts'
import type { Lifecycle } from '../license/lifecycle.ts'
import type { SessionPolicy } from '../session/policy.ts'
import type { Config } from './config/schema.ts'

/** What license and configuration mean for the counter. */
export function sessionPolicyOf(
  license: License | null,
  lifecycle: Lifecycle,
  config: Config,
): SessionPolicy {
  const { sessions, applications, bounds } = config
  return {
    limit: license === null || license.deactivated ? 0 : license.maxSessions,
    refusal: lifecycle.refusal,
    features: new Set(license?.features),
    applications: new Map(
      Object.entries(applications).map(([name, { max, feature, maxDurationSeconds }]) => [
        name,
        { max, feature, maxDurationMs: maxDurationSeconds === null ? null : maxDurationSeconds * 1000 },
      ]),
    ),
    maxSessionsPerClient: sessions.maxPerClient,
    maxApplications: bounds.maxApplications,
    resumeWindowMs: sessions.resumeWindowMs,
  }
}
