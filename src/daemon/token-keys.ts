import { randomBytes } from 'node:crypto'
import { signToken, type TokenSigner } from '../session/signed-token.ts'

/** Where the key and the name of the last run are kept; the state database. */
export interface KeyArchive {
  read(name: string): string | null
  /** Writes it as soon as that can be done; what was kept is read from then on. */
  keep(name: string, value: string): void
}

const KEY_BYTES = 32

/** Who wrote the journal last, as it says itself; null where it does not. */
type Stamp = { readonly instanceId: string; readonly era: number } | null

/**
 * The signer of this run, and of the run before it on this boot of the machine (null where there was none):
 * only that one's tokens may still be adopted, and its sessions' times still compare. `begin` when this run serves
 * clients: one whose start failed granted nothing, and must not stand between the two.
 */
export function openTokenSigners(
  archive: KeyArchive,
  run: { instanceId: string; bootId: string },
  journal: { readonly era: number; readonly content: { readonly stamp: Stamp } },
): { current: () => TokenSigner; previous: TokenSigner | null; begin: () => void } {
  const key = Buffer.from(archive.read('token-key') ?? createKey(archive), 'base64url')
  const last = archive.read('last-run')
  const begin = () => archive.keep('last-run', JSON.stringify(run))
  const before = last === null ? null : (JSON.parse(last) as typeof run)
  const current = () => ({ key, instanceId: run.instanceId, era: journal.era })
  if (before?.bootId !== run.bootId) return { current, previous: null, begin }
  const { instanceId } = before
  return { current, previous: { key, instanceId, era: lastEra(instanceId, journal.content.stamp) }, begin }
}

/** A run that is not in the journal's stamp never wrote it: all that it signed is newer. */
function lastEra(instanceId: string, stamp: Stamp): number | null {
  if (stamp === null) return null
  return stamp.instanceId === instanceId ? stamp.era : 0
}

/** The token of a session that the journal does not hold: it proves itself. `now`: monotonic milliseconds. */
export function sealToken(
  session: { token: string; application: string; key: string; grantedAt?: number },
  signer: TokenSigner,
  now: number,
): string {
  const { token, application, key, grantedAt = now } = session
  return signToken(token, { application, key, grantedAt }, signer)
}

function createKey(archive: KeyArchive): string {
  const key = randomBytes(KEY_BYTES).toString('base64url')
  archive.keep('token-key', key)
  return key
}
