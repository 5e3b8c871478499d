import type { X509Certificate } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Fault, messageOf } from '../../errors.ts'
import { type ChainTrust, readTrustedRoots } from '../../license/chain.ts'
import { type RevocationList, revokedKeys, verifyRevocationList } from '../../license/revocation.ts'
import type { Config } from '../config/schema.ts'
import { type KeptReading, keptListsFolder, readKeptLists } from './revocation-lists.ts'

export interface TrustSources {
  /** Folder of the vendor's root certificates, `*.pem`. */
  readonly trustDirectory: string
  /** The signed list of revoked issuing certificates, or null. */
  readonly revocationFile: string | null
  /** Where the lists are kept that reactivations brought (revocation-lists.ts); left out: nowhere. */
  readonly keptListsDirectory?: string
}

/** Whom this machine believes, and what of it could not be used. */
export interface Trust extends ChainTrust {
  readonly damagedLists: KeptReading['damaged']
}

/** Where a daemon of this configuration finds whom to believe. */
export function trustSourcesOf(
  config: Pick<Config, 'license' | 'stateDirectory'>,
): TrustSources & { readonly keptListsDirectory: string } {
  const { trustDirectory, revocationFile } = config.license
  return { trustDirectory, revocationFile, keptListsDirectory: join(config.stateDirectory, keptListsFolder) }
}

/**
 * Whom this machine believes. Faults `trust-not-readable`, `trust-empty`, `trust-root-invalid`, and those of
 * the revocation list: with a list that cannot be believed, a stolen certificate would be.
 */
export async function readTrust(sources: TrustSources): Promise<Trust> {
  const trustedRoots = readTrustedRoots(readPems(sources.trustDirectory))
  const { revocationFile: file, keptListsDirectory } = sources
  const kept =
    keptListsDirectory === undefined
      ? { lists: [], damaged: [] }
      : await readKeptLists(keptListsDirectory, trustedRoots)
  const own = file === null ? [] : [await readOwnList(file, trustedRoots)]
  return { trustedRoots, revoked: revokedKeys([...kept.lists, ...own]), damagedLists: kept.damaged }
}

async function readOwnList(file: string, trustedRoots: readonly X509Certificate[]): Promise<RevocationList> {
  const verdict = await verifyRevocationList(readList(file), trustedRoots)
  if (verdict.ok) return verdict.list
  const { code, message, hint } = verdict.problem
  throw new Fault(code, `${message} (${file})`, { hint })
}

function readPems(directory: string): { name: string; pem: string }[] {
  let names: string[]
  try {
    names = readdirSync(directory).filter(name => name.endsWith('.pem'))
    if (names.length > 0) return names.sort().map(name => readPem(join(directory, name)))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw new Fault('trust-not-readable', `The trusted roots cannot be read: ${messageOf(error)}`, {
        hint: `Let everybody read them: sudo chmod -R a+rX ${directory}`,
        cause: error,
      })
    }
  }
  throw new Fault('trust-empty', `There is no root certificate (*.pem) in ${directory}.`, {
    hint: `Put the vendor's root certificate there, as no license can be believed without it: sudo install -D -m 644 root.pem -t ${directory}`,
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
