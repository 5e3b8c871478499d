import type { X509Certificate } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Fault, messageOf } from '../../errors.ts'
import {
  type RevocationList,
  type RevocationProblem,
  verifyRevocationList,
} from '../../license/revocation.ts'
import { makeFolder, writeFileAtomically } from '../../write-file.ts'

/** Below the state directory: the newest list of each root that a reactivation brought, `ROOT.jws`. */
export const keptListsFolder = 'revocations'

/** The lists that are kept, and what cannot be used of them. */
export interface KeptReading {
  readonly lists: readonly RevocationList[]
  readonly damaged: readonly { readonly path: string; readonly why: string }[]
}

/**
 * Reads the lists kept in `directory`, which were verified when they were put there. One that no trusted root
 * signed counts for nothing: neither do the certificates of that root. One that was damaged since is left out
 * too, rather than refusing every license: whoever could damage it could also have removed it, and the next
 * reactivation brings it anew.
 */
export async function readKeptLists(
  directory: string,
  trustedRoots: readonly X509Certificate[],
): Promise<KeptReading> {
  const lists: RevocationList[] = []
  const damaged: { path: string; why: string }[] = []
  for (const name of listFiles(directory)) {
    const path = join(directory, name)
    const verdict = await verifyRevocationList(readFileSync(path), trustedRoots)
    if (verdict.ok) lists.push(verdict.list)
    else if (verdict.problem.code !== 'revocation-list-untrusted') {
      damaged.push({ path, why: verdict.problem.message })
    }
  }
  return { lists, damaged }
}

/** What became of the lists that a reply carried. */
export interface KeptLists {
  /** True where a certificate may be revoked that was not before: trust is to be read anew. */
  readonly changed: boolean
  /** Lists that were not believed; they changed nothing. */
  readonly problems: readonly RevocationProblem[]
}

/** Keeps what is new among `texts`: lists of trusted roots with a higher number than the one that is there. */
export async function keepLists(
  directory: string,
  texts: readonly string[],
  trustedRoots: readonly X509Certificate[],
): Promise<KeptLists> {
  const problems: RevocationProblem[] = []
  let changed = false
  for (const text of texts) {
    const { lists } = await readKeptLists(directory, trustedRoots)
    const verdict = await verifyRevocationList(text, trustedRoots, lists)
    if (!verdict.ok) {
      // An old list is what a reply that was overtaken carries.
      if (verdict.problem.code !== 'revocation-list-outdated') problems.push(verdict.problem)
      continue
    }
    const { root, number } = verdict.list
    if (lists.some(list => list.root === root && list.number === number)) continue
    makeFolder(directory, 0o700)
    writeFileAtomically(join(directory, `${root}.jws`), `${text.trim()}\n`, { mode: 0o640 })
    changed = true
  }
  return { changed, problems }
}

function listFiles(directory: string): string[] {
  if (!existsSync(directory)) return []
  try {
    return readdirSync(directory).filter(name => name.endsWith('.jws'))
  } catch (error) {
    throw new Fault(
      'revocation-list-not-readable',
      `The revocation lists cannot be read: ${messageOf(error)}`,
      {
        hint: `Look at the owner and mode of the folder: ls -ld ${directory}`,
        cause: error,
      },
    )
  }
}
