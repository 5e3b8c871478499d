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

/** A run, as it noted itself when it began to serve clients. */
interface NotedRun {
  readonly instanceId: string
  readonly bootId: string
  /** Who had written the journal last when it began; missing in what an older program noted. */
  readonly after?: string | null
}

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
  const { stamp } = journal.content
  const key = Buffer.from(archive.read('token-key') ?? createKey(archive), 'base64url')
  const last = archive.read('last-run')
  const noted: NotedRun = { ...run, after: stamp?.instanceId ?? null }
  const begin = () => archive.keep('last-run', JSON.stringify(noted))
  const current = () => ({ key, instanceId: run.instanceId, era: journal.era })
  const before = runBefore(last === null ? null : (JSON.parse(last) as NotedRun), run.bootId, stamp)
  return { current, previous: before === null ? null : { key, ...before }, begin }
}

/** Who served clients last on this boot, and in which era it ended. */
function runBefore(noted: NotedRun | null, bootId: string, stamp: Stamp): Omit<TokenSigner, 'key'> | null {
  if (noted?.bootId !== bootId) return null
  const { instanceId, after = stamp?.instanceId } = noted
  if (stamp === null) return { instanceId, era: null }
  // It never wrote the journal: all that it signed is newer.
  if (stamp.instanceId !== instanceId && stamp.instanceId === after) return { instanceId, era: 0 }
  // A later run than the one noted wrote the journal, and the state could not be written.
  return stamp
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
