import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Fault, messageOf } from '../../errors.ts'
import { type ChainTrust, readTrustedRoots } from '../../license/chain.ts'
import { revokedKeys, verifyRevocationList } from '../../license/revocation.ts'

export interface TrustSources {
  /** Folder of the vendor's root certificates, `*.pem`. */
  readonly trustDirectory: string
  /** The signed list of revoked issuing certificates, or null. */
  readonly revocationFile: string | null
}

/**
 * Whom this machine believes. Faults `trust-not-readable`, `trust-empty`, `trust-root-invalid`, and those of
 * the revocation list: with a list that cannot be believed, a stolen certificate would be.
 */
export async function readTrust(sources: TrustSources): Promise<ChainTrust> {
  const trustedRoots = readTrustedRoots(readPems(sources.trustDirectory))
  const file = sources.revocationFile
  if (file === null) return { trustedRoots, revoked: new Set() }
  const verdict = await verifyRevocationList(readList(file), trustedRoots)
  if (verdict.ok) return { trustedRoots, revoked: revokedKeys([verdict.list]) }
  const { code, message, hint } = verdict.problem
  throw new Fault(code, `${message} (${file})`, { hint })
}

function readPems(directory: string): { name: string; pem: string }[] {
  let names: string[]
  try {
    names = readdirSync(directory).filter(name => name.endsWith('.pem'))
    if (names.length > 0) return names.sort().map(name => readPem(join(directory, name)))
  } catch (error) {
    throw new Fault('trust-not-readable', `The trusted roots cannot be read: ${messageOf(error)}`, {
      hint: `Put the vendor's root certificate (*.pem) into ${directory}, readable for everybody.`,
      cause: error,
    })
  }
  throw new Fault('trust-empty', `There is no root certificate (*.pem) in ${directory}.`, {
    hint: "Put the vendor's root certificate there: no license can be believed without it.",
  })
}

function readPem(path: string): { name: string; pem: string } {
  return { name: path, pem: readFileSync(path, 'utf8') }
}

function readList(file: string): Uint8Array {
  try {
    return readFileSync(file)
  } catch (error) {
    throw new Fault(
      'revocation-list-not-readable',
      `The revocation list cannot be read: ${messageOf(error)}`,
      {
        hint: `Fetch it with: sessionctl reactivate. Its place is license.revocationFile (${file}).`,
        cause: error,
      },
    )
  }
}
