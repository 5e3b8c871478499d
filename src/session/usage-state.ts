/** How full the licensed number of sessions is, from the least to the most. */
export const usageStates = ['safe', 'warning', 'critical', 'full'] as const
export type UsageState = (typeof usageStates)[number]

export interface UsageThresholds {
  /** In use of the limit, in percent, from which use is at the warning level. */
  readonly warningPercent: number
  /** As that, for the critical level. Full is 100. */
  readonly criticalPercent: number
  /** A level is left only so many percentage points below where it begins. */
  readonly clearMarginPercent: number
  /** And only after use stayed below that for so long. */
  readonly holdMs: number
}

/** The state, and since when use has been low enough for a lower one. */
export interface Usage {
  readonly state: UsageState
  /** `to`: the lowest state that everything since `since` allows. Null while use upholds the state. */
  readonly clearing: { readonly since: number; readonly to: UsageState } | null
}

export const initialUsage: Usage = { state: 'safe', clearing: null }

/**
 * The state after use reached `peak` at most since the last look. It rises at once and falls late: use that goes
 * back and forth over a threshold changes it once. `now` is monotonic milliseconds.
 */
export function nextUsage(
  before: Usage,
  peak: number,
  limit: number,
  thresholds: UsageThresholds,
  now: number,
): Usage {
  const reached = stateAt(peak, limit, thresholds, 0)
  if (isHigher(reached, before.state)) return { state: reached, clearing: null }
  const upheld = stateAt(peak, limit, thresholds, thresholds.clearMarginPercent)
  if (!isHigher(before.state, upheld)) return { state: before.state, clearing: null }
  const { since, to } = before.clearing ?? { since: now, to: upheld }
  const lowest = isHigher(upheld, to) ? upheld : to
  if (now - since >= thresholds.holdMs) return { state: lowest, clearing: null }
  return { state: before.state, clearing: { since, to: lowest } }
}

/** Whether one state is fuller than the other. */
export function isHigher(state: UsageState, other: UsageState): boolean {
  return usageStates.indexOf(state) > usageStates.indexOf(other)
}

/** Where nothing is licensed and nothing is held there is nothing to fill; the state of the license tells of that. */
function stateAt(
  peak: number,
  limit: number,
  thresholds: UsageThresholds,
  marginPercent: number,
): UsageState {
  if (peak === 0) return 'safe'
  const isAt = (percent: number) => peak * 100 >= (percent - marginPercent) * limit
  if (isAt(100)) return 'full'
  if (isAt(thresholds.criticalPercent)) return 'critical'
  return isAt(thresholds.warningPercent) ? 'warning' : 'safe'
}
