import swagger from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'
import { apiVersion } from '../../licensing-api/schemas.ts'
import { httpProblems, refusalProblems } from './problems.ts'

/** Describes the routes that are registered after it: `app.swagger()` is the document, `/openapi.json` serves it. */
export async function registerOpenApi(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Licensing server',
        version: apiVersion,
        description: `${introduction}\n\n${listProblems()}`,
        license: { name: 'MIT', identifier: 'MIT' },
      },
      // Requests are signed by themselves, and so are the answers.
      security: [],
      servers: [{ url: '/', description: 'This server' }],
    },
    // Schemas keep their names, and are written once.
    refResolver: {
      buildLocalReference: (schema, _base, _fragment, index) => String(schema['$id'] ?? `schema-${index}`),
    },
  })
  app.get('/openapi.json', { schema: { hide: true } }, async (_request, reply) =>
    reply.type('application/json').send(JSON.stringify(app.swagger())),
  )
}

const introduction = `What machines ask of the licensing server. A machine signs its request with its own key; the \
answer is a license, signed by the vendor. Requests are idempotent by the id inside of them: whoever has had no \
answer sends the same text again, and nothing is claimed twice.`

/** The types of problems, which OpenAPI has no place for. */
function listProblems(): string {
  const ours = Object.entries(httpProblems).map(([code, { status, title }]) => ({ code, status, title }))
  const rows = [...refusalProblems, ...ours].map(
    ({ code, status, title }) => `| \`${code}\` | ${status} | ${title} |`,
  )
  return ['| code | status | meaning |', '|---|---|---|', ...rows].join('\n')
}
