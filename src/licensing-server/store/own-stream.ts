import { type SealedEvent, sealEvents } from '../ledger/chain.ts'
import { installationStream, type LedgerEvent } from '../ledger/events.ts'
import type { Installation, LedgerChange } from '../ledger/model.ts'

/** A change with the events of its installation sealed; those of other streams wait for the ends of theirs. */
export interface PartlySealed {
  /** The row with the new end of its stream; undefined where the change has none. */
  installation: Installation | undefined
  sealed: SealedEvent[]
  others: LedgerEvent[]
}

/**
 * Seals the events of the installation's own stream. That needs no look at the stream: its end is part of the row,
 * and the row is written only where it is still the one that was read.
 */
export function sealOwnStream({ installation, events }: LedgerChange): PartlySealed {
  if (installation === undefined) return { installation, sealed: [], others: events }
  const stream = installationStream(installation.installationId)
  const own = events.filter(event => event.stream === stream)
  const sealed = sealEvents(own, installation.head)
  const last = sealed.at(-1)
  const head = last === undefined ? installation.head : { sequence: last.sequence, hash: last.hash }
  return {
    installation: { ...installation, head },
    sealed,
    others: events.filter(event => event.stream !== stream),
  }
}
