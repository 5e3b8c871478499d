import { erlangB, offeredLoad, sessionsFor } from './erlang.ts'
import { type Figures, total } from './figures.ts'

/** Parts of the calls that may be refused, for which the number of sessions is told. */
export const blockingGoals = [0.01, 0.001, 0.0001] as const

/** A load beyond that is no load: some program asks again and again. It also bounds the work. */
const MAX_ERLANGS = 10_000_000

/** Refusals for want of sessions. `any` stands for one application, whose reasons are not told apart. */
const FOR_WANT = ['limit-reached', 'any']

/** What the busy hour says about how many sessions are needed, by Erlang's B-formula. */
export interface Advice {
  /** Mean number in use in the busy hour. */
  readonly carriedErlangs: number
  /** The part of its acquires that was refused for want of sessions, 0 to 1. */
  readonly blocking: number
  /** The part of its time in which all were in use. Far below `blocking`, callers who are refused try again at once. */
  readonly fullShare: number
  /** The load that was offered; null where so much was refused that it cannot be told. */
  readonly offeredErlangs: number | null
  readonly limit: number | null
  /** The part that this load loses at the limit, as the formula has it; null where one of them is not known. */
  readonly blockingAtLimit: number | null
  /** The fewest sessions that lose no more than `blocking`. Empty where the load is not known. */
  readonly needed: readonly { readonly blocking: number; readonly sessions: number }[]
}

export function adviceFor(
  { figures, erlangs }: { readonly figures: Figures; readonly erlangs: number },
  limit: number | null,
): Advice {
  const { granted, refused, fullMs, observedMs } = figures
  const lost = FOR_WANT.reduce((sum, reason) => sum + (refused[reason] ?? 0), 0)
  const asked = granted + lost
  const blocking = asked === 0 ? 0 : lost / asked
  const offered = offeredLoad(erlangs, blocking)
  const known = offered <= MAX_ERLANGS ? offered : null
  return {
    carriedErlangs: erlangs,
    blocking,
    fullShare: observedMs === 0 ? 0 : fullMs / observedMs,
    offeredErlangs: known,
    limit,
    blockingAtLimit: known === null || limit === null ? null : erlangB(known, limit),
    needed:
      known === null
        ? []
        : blockingGoals.map(blocking => ({ blocking, sessions: sessionsFor(known, blocking) })),
  }
}

/** The part of all acquires that was refused, for whatever reason; null where there was none. */
export function refusedShare({ granted, refused }: Figures): number | null {
  const lost = total(refused)
  return granted + lost === 0 ? null : lost / (granted + lost)
}
