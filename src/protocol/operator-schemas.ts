import Type from 'typebox'
import { ApplicationName, closed, count, Key, nullable } from './parts.ts'

// What operators may ask, on their own socket alone. schemas.ts has the rest of the wire.

export const MAX_SESSIONS_LISTED = 1000

const SessionId = Type.String({
  pattern: '^[0-9]{1,9}-[0-9a-f]{12}$',
  description: 'Names one session, and never another. It is no token: it proves nothing.',
})

const ListedSession = Type.Object(
  {
    id: SessionId,
    key: Key,
    application: ApplicationName,
    client: nullable(Type.String({ description: 'The label of the client that holds it, or held it.' })),
    pid: nullable(Type.Integer({ description: 'The process that holds it, as `hello` named it.' })),
    grantedAt: Type.String({ description: 'ISO 8601, UTC.' }),
    ageSeconds: count('Since it was granted.'),
    orphaned: Type.Boolean({ description: 'Whether its connection is gone and it may still be resumed.' }),
    resumableSeconds: nullable(count('How long an orphaned session can still be resumed.')),
  },
  closed,
)

/** Without control characters: it is shown on terminals. */
const PLAIN_TEXT = '^[^\\x00-\\x1f\\x7f-\\x9f]*$'

/** Who asks, as the program at the other end says: nothing on the socket proves it. */
const Operator = Type.Object(
  {
    uid: nullable(Type.Integer({ minimum: 0 })),
    user: nullable(Type.String({ maxLength: 64, pattern: PLAIN_TEXT })),
    behalfOf: Type.Optional(
      Type.Object(
        {
          uid: nullable(Type.Integer({ minimum: 0 })),
          user: nullable(Type.String({ maxLength: 64, pattern: PLAIN_TEXT })),
        },
        closed,
      ),
    ),
  },
  closed,
)

export const SessionsListParams = Type.Object(
  {
    application: Type.Optional(ApplicationName),
    client: Type.Optional(
      Type.String({ minLength: 1, maxLength: 64, description: 'The label of a client.' }),
    ),
    orphaned: Type.Optional(Type.Boolean()),
    longerThanSeconds: Type.Optional(count('Only those that were granted so long ago, or longer.')),
    limit: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MAX_SESSIONS_LISTED,
        description: 'Most that are listed; else 100.',
      }),
    ),
  },
  closed,
)
export const SessionsListResult = Type.Object(
  {
    total: count('Sessions that match, also where fewer are listed.'),
    sessions: Type.Array(ListedSession, {
      maxItems: MAX_SESSIONS_LISTED,
      description: 'The oldest of them, oldest first.',
    }),
  },
  closed,
)

export const SessionsShowParams = Type.Object({ id: SessionId }, closed)
export const SessionsShowResult = Type.Object({ session: nullable(ListedSession) }, closed)

export const SessionsReleaseParams = Type.Object(
  {
    id: SessionId,
    operator: Operator,
    reason: Type.Optional(
      Type.String({ minLength: 1, maxLength: 200, pattern: PLAIN_TEXT, description: 'For the audit trail.' }),
    ),
  },
  closed,
)
export const SessionsReleaseResult = Type.Object(
  {
    released: Type.Boolean({ description: 'False where the session was not held any more.' }),
    session: nullable(ListedSession),
    audited: Type.Boolean({
      description: 'False where the audit trail could not be written; the event waits to be.',
    }),
  },
  closed,
)
