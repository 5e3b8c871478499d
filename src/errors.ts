export interface FaultOptions {
  /** What the person who reads this should do next: one sentence, with the command that helps. */
  hint?: string
  /** True where the same call may succeed later without anybody changing anything. */
  retryable?: boolean
  cause?: unknown
}

/**
 * A fault: something that should not have happened, or input that cannot be used.
 * A refusal ("no session is free") is a result, never one of these.
 * `code` is stable and kebab-case: programs and tests compare it; `message` is for people.
 */
export class Fault extends Error {
  override readonly name = 'Fault'
  readonly code: string
  readonly hint: string | undefined
  readonly retryable: boolean

  constructor(code: string, message: string, options: FaultOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint
    this.retryable = options.retryable ?? false
  }
}

/** The message of anything that was thrown, for a log line or a `cause`. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
