import type { Application } from './applications.ts'
import type { Client } from './client-table.ts'
import type { RefusalReason, SessionPolicy } from './policy.ts'

/** Why the client may not have one more session of the application now, judged in the order of the reasons. */
export function refusalOf(
  policy: SessionPolicy,
  client: Client,
  application: Application,
  inUse: number,
): RefusalReason | null {
  if (policy.refusal !== null) return policy.refusal
  if (!application.featureLicensed) return 'feature-not-licensed'
  if (client.sessions >= policy.maxSessionsPerClient) return 'client-limit-reached'
  if (application.max !== null && application.inUse >= application.max) return 'application-limit-reached'
  if (inUse >= policy.limit) return 'limit-reached'
  return null
}
