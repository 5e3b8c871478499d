import type { Insertable, Selectable } from 'kysely'
import type { Product } from '../../license/fields.ts'
import type { MachineFingerprint } from '../../license/fingerprint.ts'
import type {
  Customer,
  Installation,
  InstallationKey,
  InstallationState,
  Issue,
  Pool,
  PoolTerms,
  SignedIssue,
  Standing,
  Transfer,
  TransferState,
} from '../ledger/model.ts'
import type { Representative } from '../ledger/refusals.ts'
import { splitLicense } from './license-header.ts'
import type { Tables } from './tables.ts'

// Between the rows of the database and the model of the ledger. What is read was written by this program and
// checked before, so it is taken as it is.

type Row<Name extends keyof Tables> = Selectable<Tables[Name]>
type NewRow<Name extends keyof Tables> = Omit<Insertable<Tables[Name]>, 'revision'>

export function toCustomer(row: Row<'customer'>): Customer {
  return {
    customerId: row.customer_id,
    revision: row.revision,
    name: row.name,
    representative: JSON.parse(row.representative) as Representative,
    createdAt: row.created_at,
  }
}

export function fromCustomer(of: Customer): NewRow<'customer'> {
  return {
    customer_id: of.customerId,
    name: of.name,
    representative: JSON.stringify(of.representative),
    created_at: of.createdAt,
  }
}

export function toPool(row: Row<'pool'>): Pool {
  return {
    poolId: row.pool_id,
    revision: row.revision,
    customerId: row.customer_id,
    product: row.product as Product,
    total: row.total,
    claimed: row.claimed,
    terms: JSON.parse(row.terms) as PoolTerms,
    createdAt: row.created_at,
  }
}

/** Without `claimed`, which only a claim changes. */
export function fromPool(of: Pool): Omit<NewRow<'pool'>, 'claimed'> {
  return {
    pool_id: of.poolId,
    customer_id: of.customerId,
    product: of.product,
    total: of.total,
    terms: JSON.stringify(of.terms),
    created_at: of.createdAt,
  }
}

export function toKey(row: Row<'installation_key'>): InstallationKey {
  return {
    keyId: row.key_id,
    revision: row.revision,
    poolId: row.pool_id,
    secretHash: row.secret_hash,
    transferId: row.transfer_id,
    label: row.label,
    createdAt: row.created_at,
    revokedAt: row.revoked_at,
  }
}

export function fromKey(of: InstallationKey): NewRow<'installation_key'> {
  return {
    key_id: of.keyId,
    pool_id: of.poolId,
    secret_hash: of.secretHash,
    transfer_id: of.transferId,
    label: of.label,
    created_at: of.createdAt,
    revoked_at: of.revokedAt,
  }
}

export function toInstallation(row: Row<'installation'>): Installation {
  return {
    installationId: row.installation_id,
    revision: row.revision,
    customerId: row.customer_id,
    poolId: row.pool_id,
    units: row.units,
    generation: row.generation,
    jkt: row.jkt,
    fingerprint: row.fingerprint === null ? null : (JSON.parse(row.fingerprint) as MachineFingerprint),
    hostname: row.hostname,
    version: row.version,
    state: row.state as InstallationState,
    standing: row.standing as Standing,
    createdAt: row.created_at,
    licensedAt: row.licensed_at,
    head: { sequence: row.event_sequence, hash: row.event_hash },
  }
}

export function fromInstallation(of: Installation): NewRow<'installation'> {
  return {
    installation_id: of.installationId,
    customer_id: of.customerId,
    pool_id: of.poolId,
    units: of.units,
    generation: of.generation,
    jkt: of.jkt,
    fingerprint: of.fingerprint === null ? null : JSON.stringify(of.fingerprint),
    hostname: of.hostname,
    version: of.version,
    state: of.state,
    standing: of.standing,
    created_at: of.createdAt,
    licensed_at: of.licensedAt,
    event_sequence: of.head.sequence,
    event_hash: of.head.hash,
  }
}

export function toTransfer(row: Row<'transfer'>): Transfer {
  return {
    transferId: row.transfer_id,
    revision: row.revision,
    poolId: row.pool_id,
    fromInstallationId: row.from_installation_id,
    toInstallationId: row.to_installation_id,
    keyId: row.key_id,
    state: row.state as TransferState,
    units: row.units,
    deactivationLicenseIds: JSON.parse(row.deactivation_license_ids) as string[],
    confirmation: row.confirmation,
    declaration: row.declaration,
    createdAt: row.created_at,
  }
}

export function fromTransfer(of: Transfer): NewRow<'transfer'> {
  return {
    transfer_id: of.transferId,
    pool_id: of.poolId,
    from_installation_id: of.fromInstallationId,
    to_installation_id: of.toInstallationId,
    key_id: of.keyId,
    state: of.state,
    units: of.units,
    deactivation_license_ids: JSON.stringify(of.deactivationLicenseIds),
    confirmation: of.confirmation,
    declaration: of.declaration,
    created_at: of.createdAt,
  }
}

export function toIssue(row: Omit<Row<'issue'>, 'header_id' | 'license'>): Issue {
  return {
    installationId: row.installation_id,
    generation: row.generation,
    licenseId: row.license_id,
    requestId: row.request_id,
    requestDigest: row.request_digest,
    deactivated: row.deactivated === 1,
    issuedAt: row.issued_at,
  }
}

export function fromIssue(of: SignedIssue): Insertable<Tables['issue']> {
  const { headerId, rest } = splitLicense(of.license)
  return {
    installation_id: of.installationId,
    generation: of.generation,
    license_id: of.licenseId,
    request_id: of.requestId,
    request_digest: of.requestDigest,
    deactivated: of.deactivated ? 1 : 0,
    header_id: headerId,
    license: rest,
    issued_at: of.issuedAt,
  }
}

/** The strong facts by which a machine can be found, each with the name of its kind. */
export function factsOf(fingerprint: MachineFingerprint | null): string[] {
  if (fingerprint === null) return []
  const { machineId, productUuid, macs } = fingerprint
  return [
    ...(machineId === null ? [] : [`machineId:${machineId}`]),
    ...(productUuid === null ? [] : [`productUuid:${productUuid}`]),
    ...macs.map(mac => `mac:${mac}`),
  ]
}
