import { createHash } from 'node:crypto'
import type { ErrorWord } from '../../protocol/codes.ts'
import {
  type Call,
  encodeFailure,
  encodeRefused,
  encodeReleased,
  encodeResult,
  type Incoming,
  isFailure,
  type RequestId,
} from '../../protocol/messages.ts'

import type { ParamsOf, ResultOf } from '../../protocol/schemas.ts'
import type { Application } from '../../session/applications.ts'
import type { Client, ProcessIdentity } from '../../session/client-table.ts'
import type { SessionCounter } from '../../session/counter.ts'
import type { SessionPolicy } from '../../session/policy.ts'
import type { Connection, Reply } from './connection.ts'
import { tokensEqual } from './handshake.ts'
import { type OperatorContext, OperatorRequests } from './operator-requests.ts'

/** Applications of sessions whose caller named none. */
export const DEFAULT_APPLICATION = 'default'

export interface RequestBounds {
  readonly maxFrameBytes: number
  readonly maxBatchLength: number
}

export interface RequestContext extends OperatorContext {
  readonly counter: SessionCounter
  readonly policy: () => SessionPolicy
  readonly accessToken: () => string | null
  readonly version: string
  readonly instanceId: string
  readonly bounds: () => RequestBounds
  readonly status: () => ResultOf<'status.get'>
  readonly license: () => ResultOf<'license.get'>
  readonly watchProcess: (process: ProcessIdentity) => 'lives' | 'dead' | 'unknown'
  /** The connection speaks for this client now; an older connection that did must be closed. */
  readonly onAttached: (connection: Connection, client: Client, superseded: boolean) => void
}

/** Carries out requests against the counter, and makes their replies. */
export class Requests {
  /** Acquires that were carried out since somebody last set this back. */
  acquires = 0
  readonly #context: RequestContext
  readonly #operators: OperatorRequests

  constructor(context: RequestContext) {
    this.#context = context
    this.#operators = new OperatorRequests(context)
  }

  /** The reply to one item of a frame, at the time of the turn. */
  answer(connection: Connection, item: Incoming, now: number): Reply {
    if (isFailure(item)) return item.silent ? null : encodeFailure(item.id, item.failure, item.message)
    // Only a release may go unanswered: nobody would learn of another call's result.
    if (item.id === undefined && item.method !== 'session.release') return null
    if (!connection.authenticated && item.method !== 'hello') {
      return fail(item, 'unauthenticated', 'Send hello with the access token first.')
    }
    return this.#carryOut(connection, item, now)
  }

  #carryOut(connection: Connection, call: Call, now: number): Reply {
    switch (call.method) {
      case 'session.acquire':
        return this.#acquire(connection, call.id!, call.params, now)
      case 'session.release': {
        const released = this.#context.counter.release(call.params.token)
        return call.id === undefined ? null : encodeReleased(call.id, released)
      }
      case 'session.resume':
        return this.#resume(connection, call.id!, call.params, now)
      case 'hello':
        return this.#hello(connection, call.id!, call.params, now)
      case 'status.get':
        return encodeResult(call.id!, this.#context.status())
      case 'license.get':
        return encodeResult(call.id!, this.#context.license())
      default:
        if (connection.isOperator) return this.#operators.answer(call, call.id!, now)
        return fail(call, 'operators-only', `${call.method} is answered on the operators' socket alone.`)
    }
  }

  #acquire(connection: Connection, id: RequestId, params: ParamsOf<'session.acquire'>, now: number): Reply {
    this.acquires++
    const client = connection.client ?? this.#attach(connection, {}, now)
    const application = this.#application(connection, params.application)
    if (application === null) return tooManyApplications(id, params.application)
    const decision = this.#context.counter.acquire(client, application, params.key, now)
    if (!decision.granted) return encodeRefused(id, decision.reason, decision.inUse, decision.limit)
    const { repeated, token, inUse, limit } = decision
    const asked = { application: application.name, key: params.key }
    // A retry may name another application, and comes later: what its token proves must be what is counted.
    const session = repeated ? this.#context.counter.sessionOf(token)! : asked
    return { id, repeated, token, ...session, inUse, limit }
  }

  #resume(connection: Connection, id: RequestId, params: ParamsOf<'session.resume'>, now: number): Reply {
    const client = connection.client ?? this.#attach(connection, {}, now)
    const { counter } = this.#context
    if (params.tokens !== undefined) {
      const { resumed, unknown, replaced } = counter.resume(client, params.tokens, now)
      const adopted = Object.entries(replaced).map(
        ([shown, token]) => [shown, { token, ...counter.sessionOf(token)! }] as const,
      )
      return { id, resumed, unknown, adopted }
    }
    if (client.identity !== null) return encodeResult(id, counter.resumeAll(client))
    const message = 'To resume without tokens, send clientId and clientSecret in hello.'
    return encodeFailure(id, 'client-secret-required', message)
  }

  #hello(connection: Connection, id: RequestId, params: ParamsOf<'hello'>, now: number): Reply {
    if (!connection.authenticated) {
      const expected = this.#context.accessToken()
      if (params.token === undefined || expected === null || !tokensEqual(params.token, expected)) {
        return encodeFailure(id, 'unauthenticated', 'The access token is missing or wrong.')
      }
      connection.authenticated = true
    }
    if (connection.client !== null) {
      return encodeFailure(id, 'hello-repeated', 'hello comes once, before any other request.')
    }
    const application = this.#application(connection, params.application)
    if (application === null) return tooManyApplications(id, params.application)
    connection.application = application
    for (const topic of params.notifications ?? []) connection.topics.add(topic)
    const client = this.#attach(connection, params, now)
    return encodeResult(id, this.#welcome(client))
  }

  #welcome(client: Client): object {
    const { counter, version, instanceId, bounds, policy } = this.#context
    const { maxFrameBytes, maxBatchLength } = bounds()
    const { resumeWindowMs, maxSessionsPerClient } = policy()
    return {
      protocol: 'sessiond.v1',
      version,
      instanceId,
      limit: counter.limit,
      inUse: counter.inUse,
      resumable: counter.resumable(client),
      resumeWindowMs,
      processWatched: client.process !== null,
      bounds: { maxFrameBytes, maxBatchLength, maxSessionsPerClient },
    }
  }

  #attach(connection: Connection, hello: ParamsOf<'hello'>, now: number): Client {
    const { counter, watchProcess, onAttached } = this.#context
    // A process that cannot be seen (another pid namespace, a hidden /proc) must not be taken for dead later.
    const isSeen = hello.process !== undefined && watchProcess(hello.process) === 'lives'
    const process = isSeen ? hello.process! : null
    const identity = identityOf(hello.clientId, hello.clientSecret)
    const { client, superseded } = counter.attach({ identity, label: hello.clientId ?? null, process }, now)
    connection.client = client
    connection.attachment = client.attachment!
    onAttached(connection, client, superseded)
    return client
  }

  #application(connection: Connection, name: string | undefined): Application | null {
    if (name !== undefined) return this.#context.counter.applications.named(name)
    connection.application ??= this.#context.counter.applications.named(DEFAULT_APPLICATION)
    return connection.application
  }
}

/** Client id and secret together are the identity; of the secret only this hash is kept. */
function identityOf(id: string | undefined, secret: string | undefined): string | null {
  if (secret === undefined) return null
  return createHash('sha256')
    .update(`${id ?? ''}\0${secret}`)
    .digest('base64url')
}

function fail(call: Call, word: ErrorWord, message: string): Reply {
  return call.id === undefined ? null : encodeFailure(call.id, word, message)
}

function tooManyApplications(id: RequestId, name: string | undefined): string {
  const message = `The application ${JSON.stringify(name ?? DEFAULT_APPLICATION)} is one more than the daemon keeps count of.`
  return encodeFailure(id, 'too-many-applications', message)
}
