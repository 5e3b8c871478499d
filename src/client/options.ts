import { randomBytes } from 'node:crypto'
import type { ParamsOf } from '../protocol/schemas.ts'
import type { CoreOptions } from './core.ts'
import { type Endpoint, type EndpointOptions, endpointOf, invalidOptions } from './endpoint.ts'
import { readOwnProcess } from './own-process.ts'

export interface ClientOptions extends EndpointOptions {
  /** The application under which sessions are counted where `acquire` names none; `default` if not given. */
  readonly application?: string
  /** A label for `sessionctl status` and the daemon's log, up to 64 characters; random if not given. */
  readonly clientId?: string
  /** Whether the requests of one tick travel in one frame. Default true. */
  readonly batching?: boolean
  /** How long an acquire or a query waits for its answer while the daemon is away. Default 2,000. */
  readonly acquireTimeoutMs?: number
  /** How long `close` tries to deliver releases. Default 2,000. */
  readonly closeTimeoutMs?: number
  /** How long a connection may take until its sessions are resumed. Default 5,000. */
  readonly handshakeTimeoutMs?: number
  /** A quiet connection is pinged after this. Default 30,000. */
  readonly pingIntervalMs?: number
  /** A daemon that owes an answer and is silent for this long is given up, and connected anew. Default 5,000. */
  readonly silenceTimeoutMs?: number
  /** The most requests that may wait for their answers. Default 10,000. */
  readonly maxPending?: number
}

export interface Settings {
  readonly endpoint: Endpoint
  readonly core: Omit<CoreOptions, 'partLength'>
  readonly batching: boolean
  /** What the keys begin with that the client makes itself. */
  readonly keyPrefix: string
}

export const APPLICATION = /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}$/
export const KEY = /^[\x21-\x7e]{1,128}$/
const CLIENT_ID = /^[\x21-\x7e]{1,64}$/
const MAX_TIMEOUT_MS = 2 ** 31 - 1

/** Throws a fault with the code `invalid-options` for what cannot be used. */
export function settingsOf(options: ClientOptions): Settings {
  const endpoint = endpointOf(options)
  const { application, batching = true } = options
  const keyPrefix = randomBytes(6).toString('hex')
  const clientId = options.clientId ?? `client-${keyPrefix}`
  if (!CLIENT_ID.test(clientId)) {
    throw invalidOptions('"clientId" must be 1 to 64 printable characters without spaces.', 'Shorten it.')
  }
  if (application !== undefined && !APPLICATION.test(application)) {
    const hint = 'Use letters, digits, dots, underscores and dashes, beginning with a letter or digit.'
    throw invalidOptions('"application" must be 1 to 63 of the characters allowed.', hint)
  }
  const core: Settings['core'] = {
    address: endpoint.address,
    hello: JSON.stringify(helloParams(clientId, application)),
    acquireTimeoutMs: whole('acquireTimeoutMs', options.acquireTimeoutMs, 2000),
    closeTimeoutMs: whole('closeTimeoutMs', options.closeTimeoutMs, 2000),
    handshakeTimeoutMs: whole('handshakeTimeoutMs', options.handshakeTimeoutMs, 5000),
    pingIntervalMs: whole('pingIntervalMs', options.pingIntervalMs, 30_000),
    silenceTimeoutMs: whole('silenceTimeoutMs', options.silenceTimeoutMs, 5000),
    maxPending: whole('maxPending', options.maxPending, 10_000),
  }
  return { endpoint, core, batching, keyPrefix }
}

/** The secret makes the identity: it is this instance's own, so that no other client can supersede it. */
function helloParams(clientId: string, application: string | undefined): ParamsOf<'hello'> {
  const process = readOwnProcess()
  return {
    clientId,
    clientSecret: randomBytes(24).toString('base64url'),
    ...(application === undefined ? {} : { application }),
    ...(process === undefined ? {} : { process }),
    notifications: ['limit', 'license', 'draining', 'session'],
  }
}

function whole(name: string, value: number | undefined, fallback: number): number {
  if (value === undefined) return fallback
  if (Number.isInteger(value) && value >= 1 && value <= MAX_TIMEOUT_MS) return value
  throw invalidOptions(`"${name}" must be a whole number of at least 1, not ${value}.`, `Try ${fallback}.`)
}
