import { type Static, Type } from 'typebox'
import { licenseMaxBytes } from '../license/document.ts'
import { count, nullable, uuid } from '../license/fields.ts'
import { requestMaxBytes } from '../license/machine-request.ts'
import { revocationListMaxBytes } from '../license/revocation.ts'

/**
 * What machines and the licensing server say to each other over HTTP: the one source of the server's checks,
 * of the client's, and of docs/openapi.yaml. The documents inside (requests, licenses, revocation lists) are
 * signed by themselves; what stands beside them here only tells people and programs about them.
 */
export const apiPaths = {
  activations: '/v1/activations',
  reactivations: '/v1/reactivations',
  deactivationConfirmations: '/v1/deactivation-confirmations',
  revocationLists: '/v1/revocation-lists',
} as const

/** Raised with every change that a client can notice; a first number other than that of the paths never comes. */
export const apiVersion = '1.0.0'

const strict = { additionalProperties: false } as const

const request = Type.String({
  minLength: 1,
  description: `The machine request: JWS compact serialization, the very text of a request file. At most ${requestMaxBytes} bytes.`,
})

const sessions = Type.Integer({
  minimum: 1,
  maximum: 1_000_000,
  description:
    'Sessions that the installation shall own in all; overrides the number in the request. Left out: what the request says.',
})

const unit = Type.Enum(['sessions', 'seats'], { description: 'What the pool counts.' })

export const ActivationBody = Type.Object(
  {
    request,
    installationKey: Type.String({
      minLength: 1,
      maxLength: 200,
      description: 'As typed: case, spaces and hyphens do not matter.',
    }),
    sessions: Type.Optional(sessions),
  },
  strict,
)
export type ActivationBody = Static<typeof ActivationBody>

export const ReactivationBody = Type.Object({ request, sessions: Type.Optional(sessions) }, strict)
export type ReactivationBody = Static<typeof ReactivationBody>

export const ConfirmationBody = Type.Object({ request }, strict)
export type ConfirmationBody = Static<typeof ConfirmationBody>

const revocationLists = Type.Array(Type.String({ maxLength: revocationListMaxBytes }), {
  maxItems: 16,
  description: 'Signed lists of revoked issuing certificates, the newest of each root. Keep them all.',
})

/** Unknown fields are tolerated by whoever reads a reply: a newer server may say more. */
export const LicenseReply = Type.Object({
  license: Type.String({
    maxLength: licenseMaxBytes,
    description: 'The signed license: JWS compact serialization. Its `issuedAt` is the signed server time.',
  }),
  revocationLists,
  licenseId: uuid,
  installationId: uuid,
  generation: count(1, 1_000_000_000),
  units: Type.Integer({
    minimum: 0,
    maximum: 1_000_000,
    description: 'What the installation owns now; 0 where `deactivated`.',
  }),
  unit,
  deactivated: Type.Boolean({
    description: 'True: the license grants nothing. Install it, then send the confirmation of deactivation.',
  }),
  repeated: Type.Boolean({
    description: 'True: this request had been answered before, and this is the same license again.',
  }),
})
export type LicenseReply = Static<typeof LicenseReply>

export const ConfirmationReply = Type.Object({
  installationId: uuid,
  repeated: Type.Boolean({ description: 'True: it had been confirmed before.' }),
})
export type ConfirmationReply = Static<typeof ConfirmationReply>

export const RevocationListsReply = Type.Object({ revocationLists })
export type RevocationListsReply = Static<typeof RevocationListsReply>

export const problemTypePrefix = 'urn:problem-type:sessiond:'

const AccountRepresentative = Type.Object({
  name: Type.String(),
  email: Type.String(),
  phone: nullable(Type.String()),
})

/** RFC 9457, application/problem+json: every answer that is not 2xx. */
export const Problem = Type.Object({
  type: Type.String({
    pattern: `^${problemTypePrefix}[a-z0-9-]+$`,
    description: 'Stable. The part after the last colon is `code`.',
  }),
  code: Type.String({ pattern: '^[a-z0-9-]+$', maxLength: 64 }),
  title: Type.String({ description: 'The same for every problem of this type.' }),
  status: Type.Integer({ minimum: 400, maximum: 599 }),
  detail: Type.String({ description: 'What happened and why, with the numbers of this case. For people.' }),
  hint: Type.String({ description: 'What helps, in one sentence.' }),
  requestId: Type.String({ description: 'Names this exchange in the log of the server.' }),
  accountRepresentative: Type.Optional(AccountRepresentative),
  pool: Type.Optional(
    Type.Object(
      {
        unit,
        available: Type.Integer({ minimum: 0, description: 'What is left in the pool.' }),
        needed: Type.Integer({ minimum: 1, description: 'What the request would have taken from it.' }),
        total: Type.Integer({ minimum: 0 }),
      },
      { description: 'Only in `pool-exhausted`.' },
    ),
  ),
  errors: Type.Optional(
    Type.Array(
      Type.Object({
        path: Type.String({ description: 'JSON pointer into the body.' }),
        message: Type.String(),
      }),
      { maxItems: 10, description: 'Only in `body-invalid`.' },
    ),
  ),
})
export type Problem = Static<typeof Problem>
