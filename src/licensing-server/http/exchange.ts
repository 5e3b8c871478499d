import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Problem } from '../../licensing-api/schemas.ts'
import type { Answer, RefusalAnswer } from '../service.ts'
import type { Limits, LimitVerdict } from './limits.ts'
import type { Metrics } from './metrics.ts'
import { httpProblem, ProblemError, problemOfRefusal } from './problems.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** What to say of the exchange in the log beside its status: the code of a problem, ids of what was issued. */
    outcome: Record<string, string | number | boolean>
    /** By what the sender is counted: see addressGroup. */
    sender: string
  }
  interface FastifyContextConfig {
    /** Probes are not counted against limits and not logged. */
    isProbe?: boolean
  }
}

/** What every way in shares: the same limits, counts and log, whether the API or the page was used. */
export interface Exchange {
  limits: Limits
  metrics: Metrics
}

/**
 * Asks the service, and counts its answer and notes it for the log. Throws a ProblemError where the sender or the key
 * has come too often, and for a refusal.
 */
export async function askService<Given extends Answer>(
  exchange: Exchange,
  request: FastifyRequest,
  asked: { request: string; installationKey: string },
  ask: () => Promise<Given>,
): Promise<Exclude<Given, RefusalAnswer>> {
  const { limits, metrics } = exchange
  const verdict = limits.admitKey(request.sender, asked.request, asked.installationKey)
  if (!verdict.ok) throw limited(verdict, metrics)
  let isWrongKey = false
  try {
    const answer = await ask()
    isWrongKey = answer.kind === 'refused' && answer.refusal.code === 'installation-key-unknown'
    if (isWrongKey) metrics.wrongKey()
    return takeAnswer(metrics, request, answer)
  } finally {
    verdict.settle(isWrongKey)
  }
}

export function admitAddress({ limits, metrics }: Exchange, request: FastifyRequest): void {
  const verdict = limits.admitAddress(request.sender)
  if (!verdict.ok) throw limited(verdict, metrics)
}

function limited(verdict: Exclude<LimitVerdict, { ok: true }>, metrics: Metrics): ProblemError {
  metrics.limited(verdict.limit)
  const seconds = Math.max(1, Math.ceil(verdict.retryInMs / 1000))
  const guessed = verdict.limit === 'wrong-keys'
  const detail = guessed
    ? `Too many wrong installation keys came from this address. The next one is looked at in ${seconds} s.`
    : `Too many requests came ${verdict.limit === 'address' ? 'from this address' : 'with this key'}. The next one is taken in ${seconds} s.`
  return new ProblemError(httpProblem(guessed ? 'too-many-wrong-keys' : 'too-many-requests', detail), seconds)
}

function takeAnswer<Given extends Answer>(
  metrics: Metrics,
  request: FastifyRequest,
  answer: Given,
): Exclude<Given, RefusalAnswer> {
  metrics.decided(answer)
  if (answer.kind === 'refused') {
    const { refusal } = answer
    const problem = problemOfRefusal(refusal)
    throw new ProblemError(problem, problem.status === 503 ? busySeconds : null)
  }
  const { kind, installationId, repeated } = answer
  request.outcome = { answer: kind, installationId, repeated }
  if (answer.kind === 'license') {
    request.outcome['licenseId'] = answer.licenseId
    request.outcome['generation'] = answer.generation
  }
  return answer as Exclude<Given, RefusalAnswer>
}

const busySeconds = 2

/** Notes a problem for the log and sets what is said of it in the head of the answer. */
export function beginProblem(request: FastifyRequest, reply: FastifyReply, error: ProblemError): Problem {
  const { problem, retryAfterSeconds } = error
  request.outcome = { ...request.outcome, problem: problem.code }
  if (retryAfterSeconds !== null) reply.header('retry-after', String(retryAfterSeconds))
  reply.status(problem.status)
  return { ...problem, requestId: request.id }
}

export function sendProblem(request: FastifyRequest, reply: FastifyReply, error: ProblemError): FastifyReply {
  const problem = beginProblem(request, reply, error)
  // A string is sent as it is; an object would be given the content type of JSON.
  return reply.type('application/problem+json').send(JSON.stringify(problem))
}
