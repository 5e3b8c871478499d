import { formatInstant } from '../license/instant.ts'
import type { ResultOf } from '../protocol/schemas.ts'
import type { SessionCounter } from '../session/counter.ts'
import type { Standing } from './license/license-keeper.ts'

const MAX_APPLICATIONS_SHOWN = 256

export interface DaemonFacts {
  readonly version: string
  readonly instanceId: string
  readonly uptimeSeconds: number
  readonly journalDegraded: boolean
  readonly stateDegraded: boolean
  readonly connections: number
  readonly reactivation: ResultOf<'status.get'>['reactivation']
  readonly usage: ResultOf<'status.get'>['usage']
}

/** The result of `status.get`. */
export function statusView(
  facts: DaemonFacts,
  counter: SessionCounter,
  { license, lifecycle }: Standing,
): ResultOf<'status.get'> {
  const { totals } = counter
  const ended = totals.ended
  const applications = [...counter.applications]
    .sort((a, b) => b.inUse - a.inUse || b.granted - a.granted)
    .slice(0, MAX_APPLICATIONS_SHOWN)
  return {
    version: facts.version,
    instanceId: facts.instanceId,
    uptimeSeconds: facts.uptimeSeconds,
    draining: counter.draining,
    journal: facts.journalDegraded ? 'degraded' : 'ok',
    stateDatabase: facts.stateDegraded ? 'degraded' : 'ok',
    license: {
      state: lifecycle.state,
      message: lifecycle.message,
      demonstration: license?.demonstration === true,
    },
    reactivation: facts.reactivation,
    limit: counter.limit,
    inUse: counter.inUse,
    usage: facts.usage,
    orphaned: counter.orphaned,
    peak: totals.peak,
    granted: totals.granted,
    released: Object.values(ended).reduce((sum, count) => sum + count, 0),
    denied: Object.fromEntries(totals.denied),
    leaked: ended['orphan-timeout'],
    connections: facts.connections,
    clients: counter.clients,
    applications: applications.map(({ name, inUse, max, granted, denied }) => ({
      name,
      inUse,
      max,
      granted,
      denied,
    })),
  }
}

/** The result of `license.get`. */
export function licenseView(
  { license, lifecycle }: Standing,
  limit: number,
  rejection: { code: string; message: string; hint: string | null; at: number } | null,
): ResultOf<'license.get'> {
  return {
    state: lifecycle.state,
    admits: lifecycle.admits,
    limit,
    message: lifecycle.message,
    hint: lifecycle.hint,
    licenseId: license?.licenseId ?? null,
    installationId: license?.installationId ?? null,
    generation: license?.generation ?? null,
    customer: license?.customer.name ?? null,
    product: license?.product ?? null,
    features: license?.features ?? [],
    issuedAt: license?.issuedAt ?? null,
    expiresAt: license?.expiresAt ?? null,
    graceEndsAt: sayOrNull(lifecycle.graceEndsAt),
    reactivationDueAt: sayOrNull(lifecycle.reactivationDueAt),
    demonstration: license?.demonstration === true,
    rejected: rejection === null ? null : { ...rejection, at: formatInstant(rejection.at) },
  }
}

function sayOrNull(instant: number | null): string | null {
  return instant === null ? null : formatInstant(instant)
}

/** The daemon in one line, as `systemctl status` shows it. */
export function statusLine(
  counter: Pick<SessionCounter, 'inUse' | 'limit' | 'draining'>,
  { license, lifecycle }: Standing,
  degraded: { readonly journal: boolean; readonly state: boolean },
  rejection: { readonly code: string } | null,
): string {
  const parts = [`${counter.inUse} of ${counter.limit} sessions in use`]
  parts.push(`license ${lifecycle.state}${license?.demonstration === true ? ' (demonstration)' : ''}`)
  if (counter.draining) parts.push('draining')
  if (degraded.journal) parts.push('journal degraded')
  if (degraded.state) parts.push('state degraded')
  if (rejection !== null) parts.push(`a license file was not taken: ${rejection.code}`)
  return parts.join('; ')
}
