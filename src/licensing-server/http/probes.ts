import type { FastifyInstance } from 'fastify'
import type { LicensingService } from '../service.ts'

export interface ProbeParts {
  service: LicensingService
  /** True from the moment the server is told to stop: a load balancer is to send nothing more. */
  isStopping: () => boolean
}

/** `/healthz`: the process answers. `/readyz`: it reaches its ledger and can sign. Neither names a host or a file. */
export function registerProbes(app: FastifyInstance, { service, isStopping }: ProbeParts): void {
  const config = { isProbe: true }
  app.get('/healthz', { config, schema: { hide: true } }, async () => ({ status: 'ok' }))
  app.get('/readyz', { config, schema: { hide: true } }, async (_request, reply) => {
    const { ledgerProblem, issuerProblem, issuerValidUntil } = await service.readiness()
    const stopping = isStopping()
    const ready = !stopping && ledgerProblem === null && issuerProblem === null
    reply.status(ready ? 200 : 503)
    return {
      ready,
      stopping,
      ledger: ledgerProblem === null ? 'ok' : 'unavailable',
      issuer: issuerProblem === null ? 'ok' : 'unavailable',
      issuerValidUntil,
    }
  })
}
