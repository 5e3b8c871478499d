import fastify, { type FastifyInstance } from 'fastify'
import { hostNamesLoopback, isLoopback } from '../../config/loopback.ts'
import { createListener } from '../../http-listener.ts'
import type { Config } from '../config/schema.ts'
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
    if (isLoopback(host) && !hostNamesLoopback(request.headers.host)) {
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
