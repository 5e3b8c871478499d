import Type, { type Static } from 'typebox'
import { REFUSAL_REASONS, SUBPROTOCOL } from './codes.ts'
import {
  SessionsListParams,
  SessionsListResult,
  SessionsReleaseParams,
  SessionsReleaseResult,
  SessionsShowParams,
  SessionsShowResult,
} from './operator-schemas.ts'
import { ApplicationName, closed, count, Key, nullable } from './parts.ts'

// The single source of the wire: validation, TypeScript types and the AsyncAPI document are made from it.

export const MAX_RESUME_TOKENS = 8192

export const Token = Type.String({
  pattern: '^[\\x21-\\x7e]{1,512}$',
  description: 'Opaque proof of a session: who holds it may release or resume it.',
})

export const NotificationTopic = Type.Enum(['limit', 'license', 'draining', 'session'])

export const HelloParams = Type.Object(
  {
    token: Type.Optional(Type.String({ pattern: '^[\\x21-\\x7e]{1,512}$', description: 'Access token.' })),
    application: Type.Optional(ApplicationName),
    clientId: Type.Optional(
      Type.String({ pattern: '^[\\x21-\\x7e]{1,64}$', description: 'A label for this client.' }),
    ),
    clientSecret: Type.Optional(
      Type.String({
        pattern: '^[\\x21-\\x7e]{16,128}$',
        description: 'Known to this client only; with the client id it is its identity across connections.',
      }),
    ),
    process: Type.Optional(
      Type.Object(
        {
          pid: Type.Integer({ minimum: 1, maximum: 4194304 }),
          startTime: Type.Integer({ minimum: 0, description: 'Field 22 of /proc/PID/stat, in clock ticks.' }),
        },
        closed,
      ),
    ),
    notifications: Type.Optional(Type.Array(NotificationTopic, { maxItems: 8 })),
  },
  closed,
)

export const HelloResult = Type.Object(
  {
    protocol: Type.Literal(SUBPROTOCOL),
    version: Type.String(),
    instanceId: Type.String({ description: 'Changes whenever the daemon starts.' }),
    limit: count('Licensed sessions.'),
    inUse: count('Sessions counted now, orphaned ones included.'),
    resumable: count('Orphaned sessions of this client.'),
    resumeWindowMs: count('How long orphaned sessions stay counted, in milliseconds.'),
    processWatched: Type.Boolean({ description: 'Whether the named process could be seen.' }),
    bounds: Type.Object(
      {
        maxFrameBytes: count('Longest frame, in bytes.'),
        maxBatchLength: count('Most requests in a batch.'),
        maxSessionsPerClient: count('Most sessions of one client.'),
      },
      closed,
    ),
  },
  closed,
)

export const AcquireParams = Type.Object({ key: Key, application: Type.Optional(ApplicationName) }, closed)

export const RefusalReason = Type.Enum([...REFUSAL_REASONS])

export const Granted = Type.Object(
  {
    granted: Type.Literal(true),
    repeated: Type.Optional(
      Type.Literal(true, { description: 'The key was held already; nothing was counted.' }),
    ),
    token: Token,
    inUse: count('Sessions counted now, this one included.'),
    limit: count('Licensed sessions.'),
  },
  closed,
)
export const Refused = Type.Object(
  {
    granted: Type.Literal(false),
    reason: RefusalReason,
    inUse: count('Sessions counted now.'),
    limit: count('Licensed sessions.'),
  },
  closed,
)
export const AcquireResult = Type.Union([Granted, Refused])

export const ReleaseParams = Type.Object({ token: Token }, closed)
export const ReleaseResult = Type.Object(
  { released: Type.Boolean({ description: 'False where the session was not held any more.' }) },
  closed,
)

export const ResumeParams = Type.Object(
  { tokens: Type.Optional(Type.Array(Token, { maxItems: MAX_RESUME_TOKENS })) },
  closed,
)
export const ResumeResult = Type.Object(
  {
    resumed: count('Sessions that are held by this client now.'),
    unknown: Type.Array(Token, { description: 'Tokens of sessions that are not held any more.' }),
    replaced: Type.Record(Type.String(), Token, { description: 'Old token to new token.' }),
  },
  closed,
)

export const NoParams = Type.Object({}, closed)

export const LicenseState = Type.Enum([
  'unlicensed',
  'active',
  'expiring',
  'grace',
  'expired',
  'reactivation-overdue',
  'deactivated',
  'machine-mismatch',
])

/** Instants are ISO 8601, UTC. */
export const ReactivationStatus = Type.Object(
  {
    owner: Type.Enum(['daemon', 'systemd', 'off'], { description: 'Who reactivates from time to time.' }),
    lastAttemptAt: nullable(Type.String()),
    lastSuccessAt: nullable(Type.String({ description: 'When a license, or a confirmation, last came.' })),
    lastOutcome: nullable(Type.Enum(['refreshed', 'deactivated', 'refused', 'unreachable', 'failed'])),
    lastMessage: nullable(Type.String({ description: 'What the last attempt came to, for people.' })),
    failures: count('Attempts without an answer since the last one that had one.'),
    nextAttemptAt: nullable(
      Type.String({ description: 'Null where the daemon plans none; systemd keeps its own plan.' }),
    ),
  },
  closed,
)

export const UsageState = Type.Enum(['safe', 'warning', 'critical', 'full'], {
  description: 'How full it is: it rises at once, and falls late.',
})

export const StatusResult = Type.Object(
  {
    version: Type.String(),
    instanceId: Type.String(),
    uptimeSeconds: count('Since the start of the daemon.'),
    draining: Type.Boolean(),
    journal: Type.Union([Type.Literal('ok'), Type.Literal('degraded')]),
    stateDatabase: Type.Union([Type.Literal('ok'), Type.Literal('degraded')]),
    license: Type.Object(
      { state: LicenseState, message: Type.String(), demonstration: Type.Boolean() },
      closed,
    ),
    reactivation: ReactivationStatus,
    limit: count('Licensed sessions.'),
    inUse: count('Sessions counted now, orphaned ones included.'),
    usage: UsageState,
    orphaned: count('Sessions whose connection is gone and that may still be resumed.'),
    peak: count('Most sessions in use since the start.'),
    granted: count('Sessions granted since the start.'),
    released: count('Sessions released since the start, by whatever cause.'),
    denied: Type.Record(Type.String(), count('Refusals for this reason since the start.')),
    leaked: count('Sessions that nobody resumed within the window.'),
    connections: count('Open connections.'),
    clients: count('Known clients, orphaned ones included.'),
    applications: Type.Array(
      Type.Object(
        {
          name: ApplicationName,
          inUse: count('Sessions of this application.'),
          max: nullable(count('Its configured maximum.')),
          granted: count('Granted since the start.'),
          denied: count('Refused since the start.'),
        },
        closed,
      ),
      { maxItems: 256 },
    ),
  },
  closed,
)

export const LicenseResult = Type.Object(
  {
    state: LicenseState,
    admits: Type.Boolean({ description: 'Whether new sessions are granted in this state.' }),
    limit: count('Licensed sessions.'),
    message: Type.String(),
    hint: nullable(Type.String()),
    licenseId: nullable(Type.String()),
    installationId: nullable(Type.String()),
    generation: nullable(Type.Integer()),
    customer: nullable(Type.String()),
    product: nullable(Type.String()),
    features: Type.Array(Type.String()),
    issuedAt: nullable(Type.String()),
    expiresAt: nullable(Type.String({ description: 'UTC; null where the license is perpetual.' })),
    graceEndsAt: nullable(Type.String()),
    reactivationDueAt: nullable(
      Type.String({ description: 'By then the license must have been refreshed; null: it need not be.' }),
    ),
    demonstration: Type.Boolean(),
    rejected: nullable(
      Type.Object(
        { code: Type.String(), message: Type.String(), hint: nullable(Type.String()), at: Type.String() },
        closed,
      ),
    ),
  },
  closed,
)

export const LimitChanged = Type.Object(
  { limit: count('Licensed sessions.'), inUse: count('In use.') },
  closed,
)
export const LicenseChanged = Type.Object(
  { state: LicenseState, admits: Type.Boolean(), message: Type.String() },
  closed,
)
export const Draining = Type.Object({ closesInMs: count('Until connections are closed.') }, closed)
export const SessionEnded = Type.Object(
  {
    token: Token,
    key: Key,
    cause: Type.Union([Type.Literal('max-duration'), Type.Literal('operator')]),
  },
  closed,
)

/** Every method with the schemas of its parameters and its result. */
export const METHODS = {
  hello: { params: HelloParams, result: HelloResult },
  'session.acquire': { params: AcquireParams, result: AcquireResult },
  'session.release': { params: ReleaseParams, result: ReleaseResult },
  'session.resume': { params: ResumeParams, result: ResumeResult },
  'status.get': { params: NoParams, result: StatusResult },
  'license.get': { params: NoParams, result: LicenseResult },
  'sessions.list': { params: SessionsListParams, result: SessionsListResult },
  'sessions.show': { params: SessionsShowParams, result: SessionsShowResult },
  'sessions.release': { params: SessionsReleaseParams, result: SessionsReleaseResult },
} as const

/** Those that are answered on the operators' socket alone. */
export const OPERATOR_METHODS = ['sessions.list', 'sessions.show', 'sessions.release'] as const

/** Every notification that the daemon may send, with the topic under which a client asks for it. */
export const NOTIFICATIONS = {
  'limit.changed': { topic: 'limit', params: LimitChanged },
  'license.changed': { topic: 'license', params: LicenseChanged },
  draining: { topic: 'draining', params: Draining },
  'session.ended': { topic: 'session', params: SessionEnded },
} as const

export type MethodName = keyof typeof METHODS
export type ParamsOf<M extends MethodName> = Static<(typeof METHODS)[M]['params']>
export type ResultOf<M extends MethodName> = Static<(typeof METHODS)[M]['result']>
export type NotificationName = keyof typeof NOTIFICATIONS
export type NotificationParams<N extends NotificationName> = Static<(typeof NOTIFICATIONS)[N]['params']>
export type Topic = Static<typeof NotificationTopic>
export type LicenseStateName = Static<typeof LicenseState>
