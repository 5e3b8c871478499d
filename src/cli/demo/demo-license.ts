import { randomUUID } from 'node:crypto'
import { existsSync, rmSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { readTrust } from '../../daemon/license/trust.ts'
import { readMachineFacts } from '../../daemon/machine/facts.ts'
import { loadOrCreateMachineKey } from '../../daemon/machine/machine-key.ts'
import { Fault } from '../../errors.ts'
import type { License } from '../../license/document.ts'
import { fingerprintIfAny } from '../../license/fingerprint.ts'
import { createMachineRequest } from '../../license/machine-request.ts'
import { verifyLicense } from '../../license/verify.ts'
import {
  authorityPaths,
  type Issuer,
  initAuthority,
  readIssuer,
  renewIssuing,
} from '../../licensing-server/authority-files.ts'
import { defaultTerms, issueLicense } from '../../licensing-server/issue-license.ts'
import { readOperatorFile, writeFileAtomically } from '../files.ts'
import type { DemoPaths } from './demo-paths.ts'

const LICENSE_DAYS = 30
const DAY_MS = 86_400_000

/** The product version that a demonstration daemon says it is. */
export const DEMO_VERSION = '5.1'

/**
 * A license for this machine by a vendor of its own: a root, an issuing certificate, the machine's request
 * and the answer to it, all real and all marked as a demonstration. What is still good is used again.
 */
export async function provideDemoLicense(paths: DemoPaths, sessions: number, now: number): Promise<License> {
  const issuer = await provideIssuer(paths.authority, now)
  const key = await loadOrCreateMachineKey(join(paths.state, 'machine'))
  const fingerprint = fingerprintIfAny(readMachineFacts().facts)
  const trust = await readTrust({ trustDirectory: join(paths.authority, 'trust'), revocationFile: null })
  const machine = { fingerprint, machineJkt: key.jkt }
  const context = { ...trust, ...machine, product: 'call-services', version: DEMO_VERSION, now } as const
  const verdict = existsSync(paths.license)
    ? await verifyLicense(readOperatorFile(paths.license), context)
    : null
  const current = verdict?.license
  if (verdict?.ok && verdict.license.maxSessions === sessions && !isOver(verdict.license, now))
    return verdict.license

  const content = {
    product: 'call-services' as const,
    version: DEMO_VERSION,
    installationId: current?.installationId ?? null,
    generation: current?.generation ?? 0,
    sessions,
    fingerprint,
    hostname: hostname(),
    deactivationOf: null,
  }
  const request = await createMachineRequest(content, {
    privateKey: key.privateKey,
    requestId: randomUUID(),
    now,
  })
  writeFileAtomically(paths.request, `${request}\n`, { mode: 0o644 })
  const terms = {
    ...defaultTerms,
    customer: { id: 'demonstration', name: 'Demonstration' },
    maxSessions: sessions,
    features: ['voice'],
    expiresOn: new Date(now + LICENSE_DAYS * DAY_MS).toISOString().slice(0, 10),
    demonstration: true,
  }
  const result = await issueLicense(request, terms, issuer, now)
  if (!result.ok) throw new Fault(result.problem.code, result.problem.message, { hint: result.problem.hint })
  writeFileAtomically(paths.license, `${result.text}\n`, { mode: 0o640 })
  return result.license
}

/** A demonstration does not go into its grace: it gets a new license instead. */
function isOver(license: License, now: number): boolean {
  return license.expiresAt !== null && now > Date.parse(license.expiresAt)
}

/** The issuer of before while its certificate is valid, a renewed one after that, else a new authority. */
async function provideIssuer(authority: string, now: number): Promise<Issuer> {
  try {
    return readIssuer(authority, now)
  } catch (error) {
    if (!(error instanceof Fault)) throw error
  }
  if (existsSync(join(authority, authorityPaths.issuingCertificate))) {
    try {
      return await renewIssuing(authority, { now })
    } catch (error) {
      if (!(error instanceof Fault)) throw error
    }
  }
  // Nobody but this demonstration trusts the authority, so one that is damaged or half made is replaced.
  rmSync(authority, { recursive: true, force: true })
  return initAuthority(authority, { organization: 'Demonstration', now, rootBits: 3072 })
}
