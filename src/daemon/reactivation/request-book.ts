import type { MachineRequestContent } from '../../license/machine-request.ts'

/**
 * Where a request of the machine stands.
 *
 * `open`     made, and perhaps sent: the reply was lost, or the file is on the way. It is sent again as it is.
 * `refused`  the server said no. Not sent again.
 * `spent`    its license came and could not be used, or it was given up. Not sent again, since the same license would come.
 */
export type RequestState = 'open' | 'refused' | 'spent'

/**
 * A request for which the machine has no license. A retry sends the very same one, so that nothing is claimed
 * twice; a request for something else names it, so that a lost reply is not taken for a copy of the machine.
 */
export interface PendingRequest {
  readonly requestId: string
  /** The signed document. */
  readonly text: string
  /** What it asks for, and which key signed it: see wishOf. */
  readonly wish: string
  /** The license in force when it was made: see baseOf. */
  readonly base: string
  /** The overtaken requests that it names: see overtakenRequestIds. */
  readonly overtaken?: readonly string[]
  readonly state: RequestState
}

/** What a request asks for; what it says of earlier ones is none of it. */
export type Wish = Omit<MachineRequestContent, 'earlierRequestIds' | 'overtakenRequestIds'>

/** So many a request may name (machine-request.ts). */
const maxPending = 16

/** Two requests with one wish are interchangeable. */
export function wishOf(wish: Wish, jkt: string): string {
  return JSON.stringify([jkt, Object.entries(wish).sort(([a], [b]) => (a < b ? -1 : 1))])
}

/** The requests that were made since the same license came into force belong together. */
export function baseOf({ installationId, generation }: Wish): string {
  return `${installationId ?? 'none'} ${generation}`
}

/**
 * The request to send again: the newest that is open, if that has this very wish. An older one may have been
 * answered before the newest was, and an answer that was overtaken is not given again.
 */
export function findPending(book: readonly PendingRequest[], wish: Wish, jkt: string): PendingRequest | null {
  const base = baseOf(wish)
  const newest = book.findLast(one => one.base === base && one.state !== 'refused')
  return newest?.state === 'open' && newest.wish === wishOf(wish, jkt) ? newest : null
}

/** The ids that a new request names. */
export function earlierRequestIds(book: readonly PendingRequest[], wish: Wish): string[] {
  return book.filter(one => one.base === baseOf(wish)).map(({ requestId }) => requestId)
}

/**
 * The ids that a new request names as overtaken: those of before the license in force that were not answered. What the
 * answered one named, the server knows. `answeredId`: the request that the license in force answers.
 */
export function overtakenRequestIds(
  book: readonly PendingRequest[],
  wish: Wish,
  answeredId: string | null,
): string[] {
  const answeredAt = book.findIndex(({ requestId }) => requestId === answeredId)
  const ids = book.flatMap((one, index) => {
    const named = one.overtaken ?? []
    if (one.base === baseOf(wish)) return named
    if (one.base !== book[answeredAt]?.base) return [...named, one.requestId]
    return index > answeredAt ? [one.requestId] : []
  })
  return [...new Set(ids)].slice(-maxPending)
}

/**
 * The book with one more request. Those of before the license in force are settled. Where there are too many,
 * refused ones go first: the server has no license for them; then the oldest.
 */
export function withPending(book: readonly PendingRequest[], request: PendingRequest): PendingRequest[] {
  const kept = book.filter(one => one.base === request.base)
  while (kept.length >= maxPending) {
    const refused = kept.findIndex(one => one.state === 'refused')
    kept.splice(Math.max(0, refused), 1)
  }
  return [...kept, request]
}

export function withState(
  book: readonly PendingRequest[],
  requestId: string,
  state: RequestState,
): PendingRequest[] {
  return book.map(one => (one.requestId === requestId ? { ...one, state } : one))
}
