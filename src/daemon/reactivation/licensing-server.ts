import type { Static, TSchema } from 'typebox'
import { Check } from 'typebox/schema'
import { Fault } from '../../errors.ts'
import {
  type ActivationBody,
  apiPaths,
  type ConfirmationBody,
  ConfirmationReply,
  LicenseReply,
  Problem,
  type ReactivationBody,
} from '../../licensing-api/schemas.ts'
import { type HttpAnswer, type PostSettings, postJson } from './https-post.ts'

/** Why the server refused, in its own words. */
export interface Refusal {
  readonly code: string
  readonly message: string
  readonly hint: string
  readonly representative: {
    readonly name: string
    readonly email: string
    readonly phone: string | null
  } | null
  /** What is left, where a pool has run out. */
  readonly pool?: NonNullable<Problem['pool']>
}

export type Refused = { readonly kind: 'refused'; readonly refusal: Refusal }
/** No answer; the same request may be sent again. `retryAfterMs`: the server's wish, 0 where it has none. */
export type Unavailable = {
  readonly kind: 'unavailable'
  readonly code: string
  readonly message: string
  readonly hint: string
  readonly retryAfterMs: number
}
export type Licensed = { readonly kind: 'license'; readonly reply: LicenseReply }
export type Confirmed = { readonly kind: 'confirmed'; readonly reply: ConfirmationReply }

/** The vendor's licensing server as a machine sees it. Every call may be repeated. */
export interface LicensingServer {
  activate(
    request: string,
    installationKey: string,
    signal: AbortSignal,
  ): Promise<Licensed | Refused | Unavailable>
  reactivate(request: string, signal: AbortSignal): Promise<Licensed | Refused | Unavailable>
  confirmDeactivation(request: string, signal: AbortSignal): Promise<Confirmed | Refused | Unavailable>
}

export interface ServerSettings extends PostSettings {
  readonly url: string
}

/**
 * The licensing server over HTTP. `settings` is asked for each call, so that a reload is followed. Faults are what
 * only an operator can mend, such as a CA file that cannot be read.
 */
export function connectLicensingServer(settings: () => ServerSettings): LicensingServer {
  const ask = (path: string, body: object, signal: AbortSignal) => post(settings(), path, body, signal)
  const license = (of: AnswerOrUnavailable): Licensed | Refused | Unavailable =>
    'kind' in of ? of : read(of, LicenseReply, reply => ({ kind: 'license', reply }) as const)
  return {
    async activate(request, installationKey, signal) {
      const body: ActivationBody = { request, installationKey }
      return license(await ask(apiPaths.activations, body, signal))
    },
    async reactivate(request, signal) {
      const body: ReactivationBody = { request }
      return license(await ask(apiPaths.reactivations, body, signal))
    },
    async confirmDeactivation(request, signal) {
      const body: ConfirmationBody = { request }
      const answer = await ask(apiPaths.deactivationConfirmations, body, signal)
      if ('kind' in answer) return answer
      return read(answer, ConfirmationReply, reply => ({ kind: 'confirmed', reply }) as const)
    },
  }
}

type AnswerOrUnavailable = HttpAnswer | Unavailable

async function post(
  settings: ServerSettings,
  path: string,
  body: object,
  signal: AbortSignal,
): Promise<AnswerOrUnavailable> {
  const url = new URL(settings.url.replace(/\/+$/, '') + path)
  try {
    return await postJson(url, body, settings, signal)
  } catch (error) {
    if (!(error instanceof Fault && error.retryable)) throw error
    const { code, message, hint = '' } = error
    return { kind: 'unavailable', code, message, hint, retryAfterMs: 0 }
  }
}

function read<Schema extends TSchema, Given>(
  answer: HttpAnswer,
  schema: Schema,
  give: (reply: Static<Schema>) => Given,
): Given | Refused | Unavailable {
  if (answer.status !== 200) return readProblem(answer)
  const reply = parseJson(answer.body)
  return Check(schema, reply) ? give(reply as Static<Schema>) : strange(answer)
}

/** Answers that say nothing about the request: too busy, too many, or a fault of the server. */
function isTemporary(status: number): boolean {
  return status >= 500 || status === 429 || status === 408
}

function readProblem(answer: HttpAnswer): Refused | Unavailable {
  const { status, contentType, body, retryAfterMs } = answer
  const problem = contentType === 'application/problem+json' ? parseJson(body) : null
  if (!Check(Problem, problem)) return strange(answer)
  const { code, detail: message, hint, accountRepresentative, pool } = problem as Problem
  if (isTemporary(status)) return { kind: 'unavailable', code, message, hint, retryAfterMs }
  const refusal = { code, message, hint, representative: accountRepresentative ?? null }
  return { kind: 'refused', refusal: pool === undefined ? refusal : { ...refusal, pool } }
}

/** What no licensing server says: a proxy's error page, another program at that address, a server that is down. */
function strange({ status, retryAfterMs }: HttpAnswer): Unavailable {
  return {
    kind: 'unavailable',
    code: 'licensing-server-unreachable',
    message: `The answer (HTTP status ${status}) is not one of a licensing server.`,
    hint: 'Look at licensingServer.url, and at the proxies on the way.',
    retryAfterMs,
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // What is not JSON does not fit the schema either.
    return null
  }
}
