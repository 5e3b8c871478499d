import type { RequestProblemCode } from '../../license/request-problems.ts'
import { requestProblems } from '../../license/request-problems.ts'
import { type Problem, problemTypePrefix } from '../../licensing-api/schemas.ts'
import { type Refusal, type RefusalCode, refusals } from '../ledger/refusals.ts'

/** A problem that is on its way to the client. Thrown in hooks and handlers; each edge presents it its own way. */
export class ProblemError extends Error {
  readonly problem: Omit<Problem, 'requestId'>
  /** For the header Retry-After; null where waiting does not help. */
  readonly retryAfterSeconds: number | null

  constructor(problem: Omit<Problem, 'requestId'>, retryAfterSeconds: number | null = null) {
    super(problem.detail)
    this.problem = problem
    this.retryAfterSeconds = retryAfterSeconds
  }
}

/** Problems of the exchange itself, before or beside the licensing scheme. */
export const httpProblems = {
  'body-invalid': {
    status: 400,
    title: 'The body does not fit the schema.',
    hint: 'See /openapi.json for what is expected.',
  },
  'http-malformed': {
    status: 400,
    title: 'This is not HTTP as the server understands it.',
    hint: 'Send the request again, through no proxy that changes it.',
  },
  'proxy-required': {
    status: 403,
    title: 'The server is reached through its proxies only.',
    hint: 'Use the public address of the server; for its operator: see listen.trustedProxies.',
  },
  'cross-site': {
    status: 403,
    title: 'Another web site sent this form.',
    hint: 'Open the manual-activation page itself and fill it in there.',
  },
  'not-found': {
    status: 404,
    title: 'There is nothing at this address.',
    hint: 'See /openapi.json for what there is; the manual-activation page is at /.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'This address does not take that method.',
    hint: 'The header Allow says which ones it takes.',
  },
  'request-timeout': {
    status: 408,
    title: 'The request did not arrive in time.',
    hint: 'Send the same request again: nothing was claimed.',
  },
  'length-required': {
    status: 411,
    title: 'The body does not say how long it is.',
    hint: 'Send the header Content-Length.',
  },
  'body-too-large': {
    status: 413,
    title: 'The body is longer than any that is read.',
    hint: 'A request file has at most 16 KiB. Choose the file that `sessionctl activate --request-file` made.',
  },
  'content-type-unsupported': {
    status: 415,
    title: 'The body is not of a type that is read here.',
    hint: 'Send application/json to the API; the page sends multipart/form-data.',
  },
  'file-not-license': {
    status: 422,
    title: 'This is no license that this vendor signed.',
    hint: 'Ask for the license again with its request file.',
  },
  'too-many-requests': {
    status: 429,
    title: 'Too many requests.',
    hint: 'Wait that long, then send the same request again.',
  },
  'too-many-wrong-keys': {
    status: 429,
    title: 'Too many wrong installation keys.',
    hint: 'Wait that long, and copy the key from the message that brought it.',
  },
  'headers-too-large': {
    status: 431,
    title: 'The headers are longer than any that are read.',
    hint: 'Send fewer or shorter headers.',
  },
  'internal-error': {
    status: 500,
    title: 'The server met a fault of its own.',
    hint: 'Send the same request again; if that does not help, give the request id to the vendor.',
  },
  'ledger-unavailable': {
    status: 503,
    title: 'The ledger does not answer now.',
    hint: 'Send the same request again later: nothing is claimed twice.',
  },
  'issuer-unavailable': {
    status: 503,
    title: 'The server cannot sign licenses now.',
    hint: 'Send the same request again later: nothing is claimed twice.',
  },
} as const satisfies Record<string, { status: number; title: string; hint: string }>

export type HttpProblemCode = keyof typeof httpProblems

export function httpProblem(
  code: HttpProblemCode,
  detail: string,
  more: { hint?: string; errors?: NonNullable<Problem['errors']> } = {},
): Omit<Problem, 'requestId'> {
  const { status, title, hint } = httpProblems[code]
  return { type: problemTypePrefix + code, code, title, status, detail, hint, ...more }
}

/**
 * 403: who asks may not have it. 409: the state of the ledger stands against it, and may change.
 * 422: the request itself cannot be used as it is.
 */
const statusOfRefusal: Record<RefusalCode | RequestProblemCode, number> = {
  'installation-key-required': 403,
  'installation-key-unknown': 403,
  'installation-key-revoked': 403,
  'transfer-key-used': 403,
  'other-product': 403,
  'version-not-covered': 403,
  'pool-expired': 403,
  'other-machine-key': 403,
  'other-machine': 403,
  'installation-blocked': 403,
  'installation-unknown': 404,
  'request-id-reused': 409,
  'request-outdated': 409,
  'transfer-unconfirmed': 409,
  'lowering-refused': 409,
  'pool-exhausted': 409,
  'installed-from-other-pool': 409,
  'clone-suspected': 409,
  'deactivation-not-asked': 409,
  'request-too-large': 413,
  'request-kind-mismatch': 422,
  'installation-key-malformed': 422,
  'sessions-required': 422,
  'one-seat-a-machine': 422,
  'machine-without-facts': 422,
  'request-not-parsable': 422,
  'request-wrong-type': 422,
  'request-algorithm-refused': 422,
  'request-header-refused': 422,
  'request-key-invalid': 422,
  'request-signature-invalid': 422,
  'request-schema-too-new': 422,
  'request-payload-invalid': 422,
  'server-busy': 503,
}

/** Every code that the licensing scheme answers with, as the documents list them. */
export const refusalProblems = Object.entries(statusOfRefusal).map(([code, status]) => ({
  code: code as Refusal['code'],
  status,
  title: titleOf(code as Refusal['code']),
}))

export function problemOfRefusal(refusal: Refusal): Omit<Problem, 'requestId'> {
  const { code, message, hint, representative, pool } = refusal
  return {
    type: problemTypePrefix + code,
    code,
    title: titleOf(code),
    status: statusOfRefusal[code],
    detail: message,
    hint,
    ...(representative === null ? {} : { accountRepresentative: representative }),
    ...(pool === undefined ? {} : { pool }),
  }
}

function titleOf(code: Refusal['code']): string {
  return code in refusals
    ? refusals[code as RefusalCode].title
    : requestProblems[code as RequestProblemCode].title
}
