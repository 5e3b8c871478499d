import type { X509Certificate } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createAdministration, type PublishedList } from './administration.ts'
import { authorityPaths } from './authority-files.ts'
import type { LedgerStore } from './store/store.ts'

/**
 * Publishes the revocation list that lies in the folder of the authority, so that a server that starts (or is
 * told to reload) gives it to machines. Null where there is none. One that is older than what is published
 * already, as on a server that was not told yet, is left alone.
 */
export async function publishRevocations(
  store: LedgerStore,
  directory: string,
  roots: readonly X509Certificate[],
  now: () => number,
): Promise<PublishedList | null> {
  const path = join(directory, authorityPaths.revocationList)
  if (!existsSync(path)) return null
  const admin = createAdministration({ store, by: 'licensing-server', now })
  try {
    return await admin.publishRevocationList(readFileSync(path, 'utf8'), roots)
  } catch (error) {
    if ((error as { code?: unknown }).code === 'revocation-list-outdated') return null
    throw error
  }
}
