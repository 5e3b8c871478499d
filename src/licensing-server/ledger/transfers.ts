import { Fault } from '../../errors.ts'
import { type Act, eventOf, installationStream, poolStream } from './events.ts'
import type { MadeKey } from './installation-key.ts'
import { keyCreated } from './keys.ts'
import type { InstallationKey, LedgerChange, Situation, Transfer } from './model.ts'

/** What a new transfer is made of. */
export interface FreshTransfer {
  transferId: string
  key: Pick<MadeKey, 'keyId' | 'secretHash'>
}

type Started = LedgerChange & Required<Pick<LedgerChange, 'installation' | 'transfer' | 'key'>>

/**
 * Starts to move the claim of an installation: its next license grants nothing, and once the machine has
 * confirmed that, the new key activates the claim on another machine.
 */
export function startTransfer(situation: Situation, fresh: FreshTransfer, act: Act): Started {
  refuseUnlessActive(situation)
  const { installation } = situation
  const { installationId, poolId, hostname } = installation
  const { transferId } = fresh
  const transfer: Transfer = {
    transferId,
    revision: 0,
    poolId,
    fromInstallationId: installationId,
    toInstallationId: null,
    keyId: fresh.key.keyId,
    state: 'leaving',
    units: 0,
    deactivationLicenseIds: [],
    confirmation: null,
    declaration: null,
    createdAt: act.now,
  }
  const key: InstallationKey = {
    keyId: fresh.key.keyId,
    secretHash: fresh.key.secretHash,
    revision: 0,
    poolId,
    transferId,
    label: `transfer of ${hostname}`.slice(0, 200),
    createdAt: act.now,
    revokedAt: null,
  }
  return {
    installation: { ...installation, state: 'leaving' },
    transfer,
    key,
    events: [
      eventOf(poolStream(poolId), act, 'transfer-started', { transferId, installationId }),
      keyCreated(key, act),
      eventOf(installationStream(installationId), act, 'leaving', { transferId }),
    ],
  }
}

/**
 * Moves the claim of a machine that cannot confirm any more, on the customer's declaration. A transfer that
 * was started goes on with its own key; `key` is then absent from the change.
 */
export function forceTransfer(
  situation: Situation,
  fresh: FreshTransfer,
  declaration: string,
  act: Act,
): LedgerChange {
  const text = declaration.trim()
  if (text === '' || text.length > 2_000) {
    throw new Fault('declaration-invalid', 'A declaration has 1 to 2000 characters.', {
      hint: 'Say who declared what, and when: --declaration "…".',
    })
  }
  const { installation, transfer } = situation
  if (installation.state === 'leaving' && transfer !== null) {
    return releaseClaim(situation, transfer, act, text)
  }
  const started = startTransfer(situation, fresh, act)
  const leaving = { ...situation, installation: started.installation }
  const released = releaseClaim(leaving, started.transfer, act, text)
  return { ...started, ...released, events: [...started.events, ...released.events] }
}

/** Calls off a transfer that the old machine has not confirmed. Its next license is an ordinary one again. */
export function cancelTransfer(
  situation: Situation,
  transfer: Transfer,
  key: InstallationKey,
  act: Act,
): LedgerChange {
  const { transferId, state } = transfer
  if (state !== 'leaving') {
    throw new Fault('transfer-not-cancellable', `Transfer ${transferId} is ${state}.`, {
      hint:
        state === 'waiting'
          ? 'The claim waits for a machine: activate it with the key of the transfer, on the old machine too.'
          : 'Nothing is left to call off: `licensing-server transfer list`.',
    })
  }
  const { installation } = situation
  const { installationId, poolId } = installation
  return {
    installation: { ...installation, state: 'active' },
    transfer: { ...transfer, state: 'cancelled' },
    key: { ...key, revokedAt: act.now },
    events: [
      eventOf(poolStream(poolId), act, 'transfer-cancelled', { transferId, installationId }),
      eventOf(poolStream(poolId), act, 'key-revoked', { keyId: key.keyId }),
      eventOf(installationStream(installationId), act, 'stays', { transferId }),
    ],
  }
}

/** Takes the claim from the installation, for good, and gives it to the transfer. */
export function releaseClaim(
  situation: Situation,
  transfer: Transfer,
  act: Act,
  declaration: string | null,
): LedgerChange {
  const { installation } = situation
  const { installationId, poolId, units } = installation
  const { transferId } = transfer
  const released = { transferId, installationId, units, declaration }
  const deactivated = { transferId, declared: declaration !== null }
  return {
    installation: { ...installation, units: 0, state: 'deactivated' },
    transfer: { ...transfer, state: 'waiting', units, declaration },
    events: [
      eventOf(poolStream(poolId), act, 'transfer-released', released),
      eventOf(installationStream(installationId), act, 'deactivated', deactivated),
    ],
  }
}

function refuseUnlessActive({ installation, transfer }: Situation): void {
  const { installationId, state } = installation
  if (state === 'active') return
  const by = transfer === null ? '' : ` by transfer ${transfer.transferId}`
  throw new Fault('installation-not-active', `Installation ${installationId} is ${state}${by}.`, {
    hint: `See what happened to it: \`licensing-server installation show ${installationId}\`.`,
  })
}
