/** What a program says by the way it ends; docs/cli.md explains them to users. */
export const exitCode = {
  ok: 0,
  /** Something failed that might not have: no daemon, no permission, a full disk. */
  fault: 1,
  /** The command line or the configuration is wrong: trying again changes nothing. */
  usage: 2,
  /** The question was answered, and the answer is no: an invalid license, sessions that were denied. */
  negative: 3,
  /** Nobody answered: the same command may succeed later (EX_TEMPFAIL of sysexits.h). */
  temporary: 75,
} as const

export type ExitCode = (typeof exitCode)[keyof typeof exitCode]

/** Faults that blame what the caller wrote on the command line or into the configuration. */
const USAGE_CODES = new Set(['usage', 'config-invalid', 'config-not-found', 'config-not-readable'])

export function exitCodeOfFault(code: string): ExitCode {
  return USAGE_CODES.has(code) ? exitCode.usage : exitCode.fault
}
