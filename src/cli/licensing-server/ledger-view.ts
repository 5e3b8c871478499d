import { sayInstant } from '../../license/instant.ts'
import type { LedgerEvent } from '../../licensing-server/ledger/events.ts'
import type {
  Customer,
  Installation,
  InstallationKey,
  Pool,
  Transfer,
} from '../../licensing-server/ledger/model.ts'
import { unitOf } from '../../licensing-server/ledger/model.ts'
import { plainTable } from '../sessionctl/status-view.ts'

/** Rows for people: columns as wide as they need to be, nothing around them. */
export function tableLines(head: string[], rows: (string | number)[][], alignRight: number[] = []): string[] {
  const table = plainTable(head, alignRight)
  table.push(...rows)
  const lines = table.toString().split('\n')
  return lines.map(line => line.trimEnd())
}

export function customerLines(customers: Customer[]): string[] {
  return tableLines(
    ['Customer', 'name', 'account representative', 'e-mail', 'phone'],
    customers.map(({ customerId, name, representative }) => [
      customerId,
      name,
      representative.name,
      representative.email,
      representative.phone ?? '-',
    ]),
  )
}

export function poolLines(pools: Pool[]): string[] {
  return tableLines(
    ['Pool', 'customer', 'product', 'total', 'claimed', 'left', 'versions', 'expires'],
    pools.map(({ poolId, customerId, product, total, claimed, terms }) => [
      poolId,
      customerId,
      product,
      `${total} ${unitOf(product)}`,
      claimed,
      total - claimed,
      `${terms.versions.from}..${terms.versions.to}`,
      sayExpiry(terms.expiresAt),
    ]),
    [4, 5],
  )
}

export function sayExpiry(expiresAt: string | null): string {
  return expiresAt === null ? 'never' : sayInstant(Date.parse(expiresAt))
}

export function keyLines(keys: InstallationKey[]): string[] {
  return tableLines(
    ['Key', 'pool', 'for', 'label', 'made', 'withdrawn'],
    keys.map(({ keyId, poolId, transferId, label, createdAt, revokedAt }) => [
      keyId,
      poolId,
      transferId ?? 'claims',
      label,
      sayInstant(createdAt),
      revokedAt === null ? 'no' : sayInstant(revokedAt),
    ]),
  )
}

export function installationLines(installations: Installation[]): string[] {
  return tableLines(
    ['Installation', 'host', 'pool', 'owns', 'version', 'state', 'standing', 'licensed'],
    installations.map(({ installationId, hostname, poolId, units, version, state, standing, licensedAt }) => [
      installationId,
      hostname,
      poolId,
      units,
      version,
      state,
      standing,
      sayInstant(licensedAt),
    ]),
    [3],
  )
}

export function transferLines(transfers: Transfer[]): string[] {
  return tableLines(
    ['Transfer', 'from', 'to', 'state', 'holds', 'key', 'started', 'by declaration'],
    transfers.map(
      ({ transferId, fromInstallationId, toInstallationId, state, units, keyId, createdAt, declaration }) => [
        transferId,
        fromInstallationId,
        toInstallationId ?? '-',
        state,
        units,
        keyId,
        sayInstant(createdAt),
        declaration === null ? 'no' : 'yes',
      ],
    ),
    [4],
  )
}

/** One event a line: when, who, what, and the values. */
export function eventLines(events: LedgerEvent[]): string[] {
  return tableLines(
    ['When', 'who', 'what', ''],
    events.map(({ at, by, type, data }) => [sayInstant(at), by, type, sayData(data)]),
  )
}

/** Thumbprints, digests and hashed facts, which say nothing to people; `--json` has them. */
const unsaid = new Set(['jkt', 'requestDigest', 'fingerprint'])

function sayData(data: object): string {
  return Object.entries(data)
    .filter(([name, value]) => value !== null && !unsaid.has(name))
    .flatMap(([name, value]) => sayValue(name === 'terms' ? '' : name, value))
    .join(' ')
}

/** A list is one word; what holds values of its own is told by each of them. */
function sayValue(name: string, value: unknown): string[] {
  if (value === null) return [`${name}=none`]
  if (Array.isArray(value)) return [`${name}=${value.join(',') || 'none'}`]
  if (typeof value !== 'object') return [`${name}=${String(value).slice(0, 60)}`]
  return Object.entries(value as object).flatMap(([part, of]) =>
    sayValue(name === '' ? part : `${name}.${part}`, of),
  )
}
