import { Fault } from '../../errors.ts'
import { checkKeyLabel } from './checks.ts'
import { type Act, eventOf, type LedgerEvent, poolStream } from './events.ts'
import type { MadeKey } from './installation-key.ts'
import type { InstallationKey, LedgerChange, Pool } from './model.ts'

/** Keeps a new installation key that claims from the pool. */
export function createKey(
  { poolId }: Pool,
  { keyId, secretHash }: Pick<MadeKey, 'keyId' | 'secretHash'>,
  label: string,
  act: Act,
): LedgerChange {
  checkKeyLabel(label)
  const created = { revision: 0, createdAt: act.now, revokedAt: null }
  const key: InstallationKey = { keyId, secretHash, poolId, transferId: null, label, ...created }
  return { key, events: [keyCreated(key, act)] }
}

/** Withdraws a key. Machines that were activated with it keep their licenses and reactivate as before. */
export function revokeKey(key: InstallationKey, act: Act): LedgerChange {
  const { keyId, poolId, revokedAt } = key
  if (revokedAt !== null) {
    throw new Fault('key-already-revoked', `The installation key ${keyId} was withdrawn already.`)
  }
  const event = eventOf(poolStream(poolId), act, 'key-revoked', { keyId })
  return { key: { ...key, revokedAt: act.now }, events: [event] }
}

/** The event of a new key, in the stream of its pool. */
export function keyCreated({ keyId, label, transferId, poolId }: InstallationKey, act: Act): LedgerEvent {
  return eventOf(poolStream(poolId), act, 'key-created', { keyId, label, transferId })
}
