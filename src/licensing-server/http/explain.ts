import type { FastifyRequest } from 'fastify'
import type { Logger } from '../../log.ts'
import { problemOfError } from './faults.ts'
import type { ProblemError } from './problems.ts'

/** What is thrown is told to the client as a problem; what was no fault of the client's stands in the log. */
export function explain(error: unknown, request: FastifyRequest, log: Logger): ProblemError {
  const problem = problemOfError(error)
  if (problem !== error && problem.problem.status >= 500) {
    log.error({ error, requestId: request.id }, 'a request met a fault')
  }
  return problem
}
