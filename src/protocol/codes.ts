/** The subprotocol that a client must offer. */
export const SUBPROTOCOL = 'sessiond.v1'

/** Prefix of the subprotocol entry that carries the access token of a client that cannot set headers. */
export const TOKEN_SUBPROTOCOL_PREFIX = 'sessiond.token.'

/** Reasons for which an acquire is refused, in the order in which they are judged. */
export const REFUSAL_REASONS = [
  'draining',
  'unlicensed',
  'license-expired',
  'license-deactivated',
  'reactivation-required',
  'machine-mismatch',
  'feature-not-licensed',
  'client-limit-reached',
  'application-limit-reached',
  'limit-reached',
] as const

/** What each reason means and what helps, for the people behind a client. */
export const REFUSAL_MESSAGES: Record<(typeof REFUSAL_REASONS)[number], string> = {
  draining: 'The daemon is stopping. Reconnect and ask again.',
  unlicensed: 'No license is installed on this machine. Activate it, or run: sessionctl license install FILE',
  'license-expired':
    'The license and its grace period have ended. Reactivate, or ask the vendor for a renewal.',
  'license-deactivated': 'The license was moved to another machine. Activate this machine with a key.',
  'reactivation-required': 'The license had to be refreshed by now and was not. Run: sessionctl reactivate',
  'machine-mismatch': 'The license belongs to another machine. Run: sessionctl fingerprint',
  'feature-not-licensed': 'The application needs a feature that the license does not include.',
  'client-limit-reached': 'This client holds as many sessions as one client may. Release some.',
  'application-limit-reached': 'All sessions configured for this application are in use.',
  'limit-reached': 'All licensed sessions are in use.',
}

/** The ways in which a request can fail: its JSON-RPC number and the stable word in `error.data.code`. */
export const ERRORS = {
  'parse-error': -32700,
  'invalid-request': -32600,
  'batch-empty': -32600,
  'batch-too-long': -32600,
  'frame-too-large': -32600,
  'method-not-found': -32601,
  'invalid-params': -32602,
  'internal-error': -32603,
  unauthenticated: -32001,
  'hello-repeated': -32002,
  'client-secret-required': -32003,
  'too-many-applications': -32004,
  'operators-only': -32005,
} as const

export type ErrorWord = keyof typeof ERRORS

/** Close codes of our own. 4000 to 4499: come back with backoff. 4500 to 4999: do not. */
export const CLOSE = {
  'internal-error': 4000,
  'slow-reader': 4001,
  'ping-timeout': 4002,
  superseded: 4500,
  unauthenticated: 4501,
} as const

/** Whether a client should reconnect after its connection was closed with `code`. */
export function mayComeBack(code: number): boolean {
  if (code >= 4500 && code <= 4999) return false
  return code !== 1003 && code !== 1007 && code !== 1009
}
