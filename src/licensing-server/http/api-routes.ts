import type { FastifyInstance } from 'fastify'
import type { TSchema } from 'typebox'
import {
  ActivationBody,
  apiPaths,
  ConfirmationBody,
  ConfirmationReply,
  LicenseReply,
  Problem,
  ReactivationBody,
  RevocationListsReply,
} from '../../licensing-api/schemas.ts'
import type { LicenseAnswer, LicensingService } from '../service.ts'
import { askService, type Exchange } from './exchange.ts'
import { compileSerializer, compileValidator, type TypeBoxProvider } from './typebox.ts'

export interface ApiParts extends Exchange {
  service: LicensingService
}

/** The API of machines. Each route calls one method of the service; what a machine may have is decided there. */
export function registerApi(instance: FastifyInstance, parts: ApiParts): void {
  const app = typed(instance)
  // In this very scope: one that is given schemas of its own does not take the compilers of the one around it.
  app.setValidatorCompiler(compileValidator)
  app.setSerializerCompiler(compileSerializer)
  for (const [name, schema] of Object.entries({ Problem, LicenseReply }))
    app.addSchema({ ...schema, $id: name })
  registerActivation(app, parts)
  registerReactivation(app, parts)
  registerConfirmation(app, parts)
  registerRevocationLists(app, parts)
}

const typed = (instance: FastifyInstance) => instance.withTypeProvider<TypeBoxProvider>()
type Api = ReturnType<typeof typed>

function registerActivation(app: Api, parts: ApiParts): void {
  app.post(
    apiPaths.activations,
    {
      schema: {
        operationId: 'activate',
        summary: 'Claim sessions or a seat for a machine',
        description:
          'Claims units of the pool of the installation key and answers with a signed license. A machine that is activated already is reactivated. Idempotent by the id of the request.',
        body: ActivationBody,
        response: answers({ $ref: 'LicenseReply#' }, 'A signed license.'),
      },
    },
    async request => {
      const { body } = request
      const options = { installationKey: body.installationKey, ...sessionsOf(body) }
      const ask = () => parts.service.activate(body.request, options)
      return licenseReply(await askService(parts, request, body, ask))
    },
  )
}

function registerReactivation(app: Api, parts: ApiParts): void {
  app.post(
    apiPaths.reactivations,
    {
      schema: {
        operationId: 'reactivate',
        summary: 'Refresh the license of an activated machine',
        description:
          'Brings the latest terms and consumes nothing, or the difference where more sessions are asked for than the installation owns. Idempotent by the id of the request.',
        body: ReactivationBody,
        response: answers(
          { $ref: 'LicenseReply#' },
          'A signed license; one that grants nothing where `deactivated`.',
        ),
      },
    },
    async request => {
      const { body } = request
      const ask = () => parts.service.reactivate(body.request, sessionsOf(body))
      return licenseReply(await askService(parts, request, { ...body, installationKey: '' }, ask))
    },
  )
}

function registerConfirmation(app: Api, parts: ApiParts): void {
  app.post(
    apiPaths.deactivationConfirmations,
    {
      schema: {
        operationId: 'confirmDeactivation',
        summary: 'Confirm that a machine was deactivated',
        description: 'Takes the signed statement of a machine that runs no more on the license named in it.',
        body: ConfirmationBody,
        response: answers(ConfirmationReply, 'The confirmation was recorded.'),
      },
    },
    async (request): Promise<ConfirmationReply> => {
      const { body } = request
      const ask = () => parts.service.confirmDeactivation(body.request)
      const answer = await askService(parts, request, { ...body, installationKey: '' }, ask)
      return { installationId: answer.installationId, repeated: answer.repeated }
    },
  )
}

function registerRevocationLists(app: Api, parts: ApiParts): void {
  app.get(
    apiPaths.revocationLists,
    {
      schema: {
        operationId: 'revocationLists',
        summary: 'The newest lists of revoked issuing certificates',
        description: 'Every reply with a license carries them too.',
        response: answers(RevocationListsReply, 'One list of each root; often none.'),
      },
    },
    async (): Promise<RevocationListsReply> => ({ revocationLists: await parts.service.revocationLists() }),
  )
}

function answers(schema: TSchema | { $ref: string }, description: string) {
  const problem = {
    description: 'Refused, or not answered: see `code`.',
    headers: {
      'Retry-After': {
        type: 'integer',
        description: 'Seconds to wait before the same request is sent again; with 429 and 503.',
      },
    },
    content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } },
  }
  return {
    200: { description, content: { 'application/json': { schema } } },
    '4xx': problem,
    '5xx': problem,
  }
}

function sessionsOf({ sessions }: { sessions?: number | undefined }): { sessions?: number } {
  return sessions === undefined ? {} : { sessions }
}

function licenseReply({ kind: _, ...reply }: LicenseAnswer): LicenseReply {
  return reply
}
