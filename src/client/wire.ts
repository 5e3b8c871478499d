import { SUBPROTOCOL } from '../protocol/codes.ts'
import type { NotificationName, NotificationParams, ResultOf } from '../protocol/schemas.ts'
import type { WireError } from './faults.ts'
import { scanReplies } from './scan.ts'

/** What the daemon sends: a reply, or a notification where there is a `method`. */
export interface WireMessage {
  readonly id?: unknown
  readonly result?: unknown
  readonly error?: WireError
  readonly method?: NotificationName
  readonly params?: unknown
}

/** One text frame as messages; `undefined` where it is not JSON or holds something else than objects. */
export function parseMessages(text: string): readonly WireMessage[] | undefined {
  const scanned = scanReplies(text)
  if (scanned !== undefined) return scanned
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // The caller reports it: what was received is not the protocol.
    return undefined
  }
  const messages = Array.isArray(value) ? (value as unknown[]) : [value]
  for (const message of messages) if (typeof message !== 'object' || message === null) return undefined
  return messages as WireMessage[]
}

// The daemon is trusted, but what listens at the address may be something else or of another age. So each
// result is checked for what the library is going to read.

export function isHelloResult(value: unknown): value is ResultOf<'hello'> {
  const result = value as Partial<ResultOf<'hello'>> | undefined
  const bounds = result?.bounds
  return result?.protocol === SUBPROTOCOL && isCount(bounds?.maxBatchLength) && isCount(bounds?.maxFrameBytes)
}

export function isAcquireResult(value: unknown): value is ResultOf<'session.acquire'> {
  const result = value as Partial<ResultOf<'session.acquire'>> | undefined
  if (result?.granted === true) return typeof result.token === 'string'
  return result?.granted === false && typeof result.reason === 'string'
}

export function isReleaseResult(value: unknown): value is ResultOf<'session.release'> {
  return typeof (value as Partial<ResultOf<'session.release'>> | undefined)?.released === 'boolean'
}

export function isResumeResult(value: unknown): value is ResultOf<'session.resume'> {
  const result = value as Partial<ResultOf<'session.resume'>> | undefined
  return Array.isArray(result?.unknown) && typeof result.replaced === 'object' && result.replaced !== null
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' && value > 0
}

/** The notifications by name, as the daemon describes them. */
export type Notifications = { [N in NotificationName]: NotificationParams<N> }
