import { randomUUID } from 'node:crypto'
import { fingerprintOf, type MachineFacts } from '../../../src/license/fingerprint.ts'
import type { MachineRequest } from '../../../src/license/machine-request.ts'
import type {
  Customer,
  Installation,
  InstallationKey,
  Issue,
  Pool,
  Transfer,
} from '../../../src/licensing-server/ledger/model.ts'
import type { Question } from '../../../src/licensing-server/ledger/question.ts'
import { machineFacts } from '../../license/setting.ts'
import { poolTerms, representative } from '../vendor.ts'

export const now = Date.parse('2026-11-24T12:00:00Z')
export const act = { by: 'ada', now }
export const customer: Customer = {
  customerId: 'acme',
  revision: 1,
  name: 'Acme Telephony',
  representative,
  createdAt: now,
}

export function makePool(changes: Partial<Pool> = {}): Pool {
  return {
    poolId: 'pool-1',
    revision: 1,
    customerId: 'acme',
    product: 'call-services',
    total: 100,
    claimed: 10,
    terms: poolTerms,
    createdAt: now,
    ...changes,
  }
}

/** Thumbprints of machine keys; only that they differ matters here. */
export const jktOf = (name: string) => name.padEnd(43, '_')

export function makeInstallation(changes: Partial<Installation> = {}): Installation {
  return {
    installationId: 'c0ffee00-0000-4000-8000-000000000002',
    revision: 3,
    customerId: 'acme',
    poolId: 'pool-1',
    units: 10,
    generation: 3,
    jkt: jktOf('first'),
    fingerprint: fingerprintOf(machineFacts),
    hostname: 'call-1',
    version: '5.0.3',
    state: 'active',
    standing: 'good',
    createdAt: now,
    licensedAt: now,
    head: { sequence: 3, hash: 'of the third event' },
    ...changes,
  }
}

export function makeIssue(changes: Partial<Issue> = {}): Issue {
  return {
    installationId: 'c0ffee00-0000-4000-8000-000000000002',
    generation: 3,
    licenseId: randomUUID(),
    requestId: randomUUID(),
    requestDigest: 'digest of the last request',
    deactivated: false,
    issuedAt: now,
    ...changes,
  }
}

export function makeTransfer(changes: Partial<Transfer> = {}): Transfer {
  return {
    transferId: 'transfer-1',
    revision: 1,
    poolId: 'pool-1',
    fromInstallationId: 'c0ffee00-0000-4000-8000-000000000002',
    toInstallationId: null,
    keyId: '7RANSF',
    state: 'leaving',
    units: 0,
    deactivationLicenseIds: [],
    confirmation: null,
    declaration: null,
    createdAt: now,
    ...changes,
  }
}

export function makeKey(changes: Partial<InstallationKey> = {}): InstallationKey {
  return {
    keyId: 'ABC123',
    revision: 1,
    poolId: 'pool-1',
    secretHash: '0'.repeat(64),
    transferId: null,
    label: 'first key',
    createdAt: now,
    revokedAt: null,
    ...changes,
  }
}

export function makeQuestion(
  request: Partial<MachineRequest> = {},
  changes: Partial<Question> & { facts?: MachineFacts } = {},
): Question {
  const { facts = machineFacts, ...others } = changes
  return {
    request: {
      schema: 1,
      requestId: randomUUID(),
      createdAt: '2026-11-24T12:00:00Z',
      product: 'call-services',
      version: '5.0.3',
      installationId: 'c0ffee00-0000-4000-8000-000000000002',
      generation: 3,
      sessions: null,
      fingerprint: fingerprintOf(facts),
      hostname: 'call-1',
      deactivationOf: null,
      ...request,
    },
    jkt: jktOf('first'),
    wish: request.sessions ?? null,
    digest: 'digest of this request',
    now,
    demonstration: false,
    fresh: { licenseId: randomUUID(), installationId: randomUUID() },
    ...others,
  }
}
