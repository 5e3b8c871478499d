import type { TSchema } from 'typebox'
import { checkerOf } from '../checker.ts'
import { ERRORS, type ErrorWord } from './codes.ts'
import { scanBatch, scanRequest } from './scan.ts'
import {
  METHODS,
  type MethodName,
  type NotificationName,
  type NotificationParams,
  type ParamsOf,
} from './schemas.ts'

export type RequestId = number | string

/** A request whose method and parameters were checked. Without `id` it is a notification. */
export type Call = {
  [M in MethodName]: { readonly id?: RequestId; readonly method: M; readonly params: ParamsOf<M> }
}[MethodName]

/** A request that cannot be carried out; it is answered with a JSON-RPC error unless `silent`. */
export interface Failure {
  readonly id: RequestId | null
  readonly failure: ErrorWord
  readonly message: string
  /** True for a notification that cannot be carried out, which JSON-RPC forbids to answer. */
  readonly silent?: boolean
}

export type Incoming = Call | Failure

const NO_PARAMS = Object.freeze({})
const MAX_ID_LENGTH = 64
/** How much of a name that we do not know is repeated in an error. */
const MAX_NAME_LENGTH = 64

interface Check {
  check(value: unknown): boolean
  errors(value: unknown): CheckError[]
}

interface CheckError {
  readonly keyword: string
  /** JSON pointer (RFC 6901) to what is wrong. */
  readonly instancePath: string
  readonly message: string
  readonly params: { readonly allowedValues?: readonly string[] }
}

const checks = new Map<string, Check>(
  Object.entries(METHODS).map(([name, { params }]) => [
    name,
    checkerOf(params as TSchema) as unknown as Check,
  ]),
)

/** Whether an item of a parsed frame can not be carried out. */
export function isFailure(item: Incoming): item is Failure {
  return 'failure' in item
}

/**
 * Parses one text frame. Gives one item, or an array where the frame was a batch; never throws.
 * A batch that is empty or too long is one failure for the whole of it.
 */
export function parseFrame(text: string, maxBatchLength: number): Incoming | Incoming[] {
  const scanned = text.startsWith('[') ? scanBatch(text, maxBatchLength) : scanRequest(text)
  if (scanned !== null) return scanned
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return { id: null, failure: 'parse-error', message: `The frame is not JSON: ${(error as Error).message}` }
  }
  if (!Array.isArray(value)) return checkRequest(value)
  if (value.length === 0) return { id: null, failure: 'batch-empty', message: 'The batch is empty.' }
  if (value.length > maxBatchLength) {
    const message = `The batch has ${value.length} requests; at most ${maxBatchLength} are allowed. None was carried out.`
    return { id: null, failure: 'batch-too-long', message }
  }
  for (let index = 0; index < value.length; index++) value[index] = checkRequest(value[index])
  return value as Incoming[]
}

function checkRequest(value: unknown): Incoming {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return invalid(null, 'A request must be a JSON object.')
  }
  const request = value as { jsonrpc?: unknown; id?: unknown; method?: unknown; params?: unknown }
  const { id } = request
  if (id !== undefined && !isRequestId(id)) {
    return invalid(null, `"id" must be an integer or a string of at most ${MAX_ID_LENGTH} characters.`)
  }
  if (request.jsonrpc !== '2.0') return invalid(id, '"jsonrpc" must be "2.0".')
  if (typeof request.method !== 'string') return invalid(id, '"method" must be a string.')
  const check = checks.get(request.method)
  if (check === undefined) {
    return failed(
      id,
      'method-not-found',
      `There is no method ${JSON.stringify(request.method.slice(0, MAX_NAME_LENGTH))}.`,
    )
  }
  if (request.params === undefined) request.params = NO_PARAMS
  if (!check.check(request.params)) return failed(id, 'invalid-params', firstError(check, request.params))
  return request as Call
}

function isRequestId(id: unknown): id is RequestId {
  return typeof id === 'number'
    ? Number.isSafeInteger(id)
    : typeof id === 'string' && id.length <= MAX_ID_LENGTH
}

/** What is no request is answered even without an id (JSON-RPC 2.0, section 5): it is no notification either. */
function invalid(id: RequestId | null | undefined, message: string): Failure {
  return { id: id ?? null, failure: 'invalid-request', message }
}

function failed(id: RequestId | undefined, failure: ErrorWord, message: string): Failure {
  return id === undefined ? { id: null, failure, message, silent: true } : { id, failure, message }
}

/** Says what is wrong with the parameters: an unknown property before all else, for it may be a misspelling. */
function firstError(check: Check, params: unknown): string {
  const errors = check.errors(params)
  const unknown = errors.find(({ keyword }) => keyword === 'boolean')
  const { instancePath, message, params: detail } = unknown ?? errors[0]!
  const path = instancePath.split('/').map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'))
  if (unknown !== undefined) {
    const name = path.pop()!
    return `params${path.join('.')} has no property ${JSON.stringify(name.slice(0, MAX_NAME_LENGTH))}.`
  }
  if (detail.allowedValues !== undefined)
    return `params${path.join('.')} must be one of ${detail.allowedValues.join(', ')}.`
  return `params${path.join('.')} ${message}.`
}

/** A notification of the daemon. */
export function encodeNotification<N extends NotificationName>(
  method: N,
  params: NotificationParams<N>,
): string {
  return `{"jsonrpc":"2.0","method":"${method}","params":${JSON.stringify(params)}}`
}

export function encodeId(id: RequestId | null): string {
  return typeof id === 'string' ? JSON.stringify(id) : String(id)
}

export function encodeResult(id: RequestId, result: object): string {
  return `{"jsonrpc":"2.0","id":${encodeId(id)},"result":${JSON.stringify(result)}}`
}

export function encodeFailure(id: RequestId | null, word: ErrorWord, message: string): string {
  const error = { code: ERRORS[word], message, data: { code: word } }
  return `{"jsonrpc":"2.0","id":${encodeId(id)},"error":${JSON.stringify(error)}}`
}

/** The reply to a granted acquire. Token and numbers need no escaping. */
export function encodeGranted(
  id: RequestId,
  repeated: boolean,
  token: string,
  inUse: number,
  limit: number,
): string {
  const flag = repeated ? '"repeated":true,' : ''
  return `{"jsonrpc":"2.0","id":${encodeId(id)},"result":{"granted":true,${flag}"token":"${token}","inUse":${inUse},"limit":${limit}}}`
}

export function encodeRefused(id: RequestId, reason: string, inUse: number, limit: number): string {
  return `{"jsonrpc":"2.0","id":${encodeId(id)},"result":{"granted":false,"reason":"${reason}","inUse":${inUse},"limit":${limit}}}`
}

export function encodeReleased(id: RequestId, released: boolean): string {
  return `{"jsonrpc":"2.0","id":${encodeId(id)},"result":{"released":${released}}}`
}
