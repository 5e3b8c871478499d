import { Fault } from '../errors.ts'
import type { ErrorWord } from '../protocol/codes.ts'

/** The error object of a JSON-RPC reply, as far as the library reads it. */
export interface WireError {
  readonly message?: string
  readonly data?: { readonly code?: ErrorWord; readonly hint?: string }
}

export function closedFault(): Fault {
  return new Fault('client-closed', 'The session client was closed.', {
    hint: 'Make a new SessionClient; a closed one stays closed.',
  })
}

export function unreachableFault(address: string, why: string): Fault {
  return new Fault('daemon-unreachable', `sessiond at ${address} cannot be reached: ${why}`, {
    hint: 'See whether it runs and whether this user may connect: sessionctl status',
    retryable: true,
  })
}

export function protocolFault(address: string, what: string): Fault {
  return new Fault('protocol-error', `What answers at ${address} does not speak sessiond.v1: ${what}`, {
    hint: 'Check the address, and that the versions of the daemon and of this library fit.',
  })
}

export function unauthenticatedFault(address: string, message: string): Fault {
  return new Fault('unauthenticated', `sessiond at ${address} refused the access token: ${message}`, {
    hint: 'Give the content of the daemon\'s token file as "token", or its path as "tokenFile".',
  })
}

/** `body` is what came with the HTTP status: JSON with `message` and `hint` where it is the daemon. */
export function rejectedFault(address: string, status: number, body: string): Fault {
  const said = saidIn(body)
  const message = said.message ?? 'no reason given'
  if (status === 401) return unauthenticatedFault(address, message)
  const fault = unreachableFault(address, `it answered HTTP ${status}: ${message}`)
  if (said.hint === undefined) return fault
  return new Fault(fault.code, fault.message, { hint: said.hint, retryable: true })
}

function saidIn(body: string): { message?: string; hint?: string } {
  try {
    const { message, hint } = JSON.parse(body) as { message?: unknown; hint?: unknown }
    return {
      ...(typeof message === 'string' ? { message } : {}),
      ...(typeof hint === 'string' ? { hint } : {}),
    }
  } catch {
    // Whatever answers there is not sessiond; its status is all there is to say.
    return {}
  }
}

export function supersededFault(): Fault {
  return new Fault(
    'superseded',
    'A newer connection uses the id and secret of this client; the daemon gave its sessions to that one.',
    { hint: 'Make one SessionClient in each process, after forking.' },
  )
}

export function tooManyPendingFault(maxPending: number): Fault {
  return new Fault('too-many-pending', `${maxPending} requests of this client wait for their answers.`, {
    hint: 'Refuse the call, or raise "maxPending".',
    retryable: true,
  })
}

export function invalidParamsFault(message: string): Fault {
  return new Fault('invalid-params', message, {
    hint: 'See "session.acquire" in docs/PROTOCOL.md.',
  })
}

/** An error that the daemon answered: its own word is the code. */
export function answeredFault(address: string, error: WireError): Fault {
  const word = error.data?.code
  const message = error.message ?? 'no message'
  if (word === undefined) return protocolFault(address, `an error without a code: ${message}`)
  if (word === 'unauthenticated') return unauthenticatedFault(address, message)
  const options = { retryable: word === 'internal-error' }
  return new Fault(
    word,
    message,
    error.data?.hint === undefined ? options : { ...options, hint: error.data.hint },
  )
}
