import { Fault } from '../../errors.ts'

export const sessionsOption = {
  type: 'number',
  requiresArg: true,
  describe: 'Sessions that this machine wants to own in all; left out: as many as it owns',
} as const

/** The number of `--sessions`, or null. A Fault `usage` where it is no number of sessions. */
export function sessionsOf({ sessions }: { sessions: number | undefined }): number | null {
  if (sessions === undefined) return null
  if (Number.isInteger(sessions) && sessions >= 1 && sessions <= 1_000_000) return sessions
  throw new Fault('usage', 'The number of sessions must be a whole number from 1 to 1000000.', {
    hint: 'For example: --sessions 10',
  })
}
