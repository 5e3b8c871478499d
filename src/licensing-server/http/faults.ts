import { Fault } from '../../errors.ts'
import { flawsOf } from '../../license/fields.ts'
import { type HttpProblemCode, httpProblem, ProblemError } from './problems.ts'

/** A body that the schema of its route refuses. */
export class InvalidBody extends Error {
  readonly flaws: ReturnType<typeof flawsOf>

  constructor(errors: Parameters<typeof flawsOf>[0]) {
    super('The body does not fit the schema.')
    this.flaws = flawsOf(errors)
  }
}

/** How long a client is asked to wait for what comes back by itself, and for what a person has to mend. */
const retryableSeconds = 5
const unmendedSeconds = 60

/**
 * What the client is told of anything that was thrown. The inside of the server is not among it: messages of
 * faults name files and hosts, and go to the log alone.
 */
export function problemOfError(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error
  if (error instanceof InvalidBody) return invalidBody(error)
  if (error instanceof Fault && error.retryable) {
    return temporary('ledger-unavailable', retryableSeconds)
  }
  if (error instanceof Fault && error.code === 'issuing-certificate-invalid') {
    return temporary('issuer-unavailable', unmendedSeconds)
  }
  const status = (error as { statusCode?: unknown } | null)?.statusCode
  if (status === 413) return plain('body-too-large', 'The body is longer than any that is read.')
  if (status === 415 || status === 406) {
    return plain('content-type-unsupported', 'The Content-Type of the body is not one that is read here.')
  }
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return plain('body-invalid', 'The body cannot be read: it is damaged, or not of its Content-Type.')
  }
  return plain('internal-error', 'The request met a fault of the server. Sent again, it is answered once.')
}

function invalidBody({ flaws }: InvalidBody): ProblemError {
  const errors = flaws.map(({ path, what }) => ({ path, message: what }))
  const detail = `The body is wrong: ${flaws.map(({ path, what }) => `${`${path} ${what}`.trim()}`).join('; ')}.`
  return new ProblemError(httpProblem('body-invalid', detail, { errors }))
}

function temporary(code: HttpProblemCode, retryAfterSeconds: number): ProblemError {
  return new ProblemError(
    httpProblem(code, 'The request could not be answered now. Sent again, it is answered once.'),
    retryAfterSeconds,
  )
}

function plain(code: HttpProblemCode, detail: string): ProblemError {
  return new ProblemError(httpProblem(code, detail))
}
