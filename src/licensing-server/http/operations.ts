import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { isLoopback } from '../../config/loopback.ts'
import type { Config } from '../config/schema.ts'
import { createListener } from './listener.ts'
import type { Metrics } from './metrics.ts'
import { type ProbeParts, registerProbes } from './probes.ts'

export interface OperationsParts extends ProbeParts {
  bounds: Config['bounds']
  /** Where it listens: on loopback, only who means loopback is answered. */
  host: string
  metrics: Metrics
}

/** `/metrics` and the probes, apart from what the world can reach. */
export async function createOperations(parts: OperationsParts): Promise<FastifyInstance> {
  const { bounds, host, service, metrics } = parts
  const app = fastify({
    logger: false,
    forceCloseConnections: true,
    serverFactory: handler => createListener(handler, bounds, null),
  })
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-content-type-options', 'nosniff')
    if (isLoopback(host) && !isLoopback(hostOf(request))) {
      return reply.status(403).send({ message: 'The header Host must name this machine.' })
    }
    return undefined
  })
  registerProbes(app, parts)
  app.get('/metrics', async (request, reply) => {
    const openMetrics = request.headers.accept?.includes('application/openmetrics-text') === true
    const { contentType, text } = await metrics.render(await service.readiness(), openMetrics)
    return reply.type(contentType).send(text)
  })
  await app.ready()
  return app
}

/** A web page whose name was rebound to this machine sends its own name; what is no name at all is refused too. */
function hostOf(request: FastifyRequest): string {
  const header = request.headers.host ?? ''
  return header.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
}
