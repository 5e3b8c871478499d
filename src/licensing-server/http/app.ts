import { randomUUID } from 'node:crypto'
import type { BlockList } from 'node:net'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { isLoopback } from '../../config/loopback.ts'
import { createListener, type TlsMaterial } from '../../http-listener.ts'
import type { Logger } from '../../log.ts'
import type { RareLog } from '../../rare-log.ts'
import type { Config } from '../config/schema.ts'
import { addressGroup } from './address.ts'
import { type ApiParts, registerApi } from './api-routes.ts'
import { answerClientError } from './client-errors.ts'
import { admitAddress, sendProblem } from './exchange.ts'
import { explain } from './explain.ts'
import { setSecurityHeaders } from './headers.ts'
import { registerOpenApi } from './openapi.ts'
import { type PageParts, registerPage, sendProblemPage } from './page/page-routes.ts'
import { type ProbeParts, registerProbes } from './probes.ts'
import { httpProblem, ProblemError } from './problems.ts'

export interface AppParts extends ApiParts, ProbeParts {
  config: Pick<Config, 'listen' | 'bounds'>
  /** Null: the page is not served. */
  page: { vendor: string | null; trustedRoots: PageParts['trustedRoots'] } | null
  tls: TlsMaterial | null
  /** From where alone requests may come, besides this machine; null: from anywhere. */
  onlyProxies: BlockList | null
  log: Logger
  rare: RareLog
}

/** The public face of the licensing server: API and page, composed. Listening is left to the caller. */
export async function createApp(parts: AppParts): Promise<FastifyInstance> {
  const { config, page, rare, log } = parts
  const { trustedProxies } = config.listen
  const app = fastify({
    logger: false,
    genReqId: () => randomUUID(),
    trustProxy: trustedProxies.length === 0 ? false : trustedProxies,
    bodyLimit: config.bounds.maxBodyBytes,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    serverFactory: handler => createListener(handler, config.bounds, parts.tls),
    // An address that cannot be decoded reaches no hook.
    frameworkErrors: (_error, request, reply) => {
      beginExchange(request, reply)
      sendProblem(request, reply, nothingHere())
    },
    clientErrorHandler: (error, socket) => {
      const code = answerClientError(error, socket)
      rare.say(code, heldBack => log.info({ code, heldBack }, 'what came was no request'))
    },
  })
  app.removeContentTypeParser('text/plain')
  app.decorateRequest('outcome')
  app.decorateRequest('sender', '')
  watchExchanges(app, parts)
  app.addHook('onRequest', (request, _reply, done) => {
    if (request.routeOptions.config.isProbe !== true) {
      refuseBypass(request, parts.onlyProxies)
      admitAddress(parts, request)
    }
    done()
  })
  app.setErrorHandler((error, request, reply) => sendProblem(request, reply, explain(error, request, log)))
  app.setNotFoundHandler((request, reply) => {
    const missing = findNothing(app, request, reply)
    const isPerson = page !== null && request.headers.accept?.includes('text/html') === true
    return isPerson ? sendProblemPage(page, request, reply, missing) : sendProblem(request, reply, missing)
  })
  await registerOpenApi(app)
  app.register(async scope => registerApi(scope, parts))
  registerProbes(app, parts)
  const { maxBodyBytes } = config.bounds
  if (page !== null) app.register(async scope => registerPage(scope, { ...parts, ...page, maxBodyBytes }))
  await app.ready()
  return app
}

/**
 * Headers, log line and counts of every exchange. Bodies, keys and licenses appear in none of them. None of the hooks waits
 * for anything, so that they call back: a promise for each of them costs more than what they do.
 */
function watchExchanges(app: FastifyInstance, { log, rare, metrics, isStopping }: AppParts): void {
  // What the lines hold is known, and none of it is secret; to look for secrets costs more than to write a line.
  const answers = log.child({}, { redact: [], level: 'trace' })
  app.addHook('onRequest', (request, reply, done) => {
    beginExchange(request, reply)
    done()
  })
  app.addHook('onSend', (_request, reply, payload, done) => {
    // Nobody is to send more on a connection that is about to be closed.
    if (isStopping()) reply.header('connection', 'close')
    done(null, payload)
  })
  app.addHook('onResponse', (request, reply, done) => {
    noteExchange(request, reply)
    done()
  })
  function noteExchange(request: FastifyRequest, reply: FastifyReply): void {
    const { method, id: requestId, ip: address, outcome } = request
    const route = request.routeOptions.url ?? 'unmatched'
    const status = reply.statusCode
    metrics.answered({ route, method, status, seconds: reply.elapsedTime / 1000 })
    if (request.routeOptions.config?.isProbe === true) return
    const line = { requestId, method, route, status, ms: Math.round(reply.elapsedTime), address, ...outcome }
    // Who comes too often must not fill the log as well.
    if (status === 429) rare.say('too-many', heldBack => log.warn({ ...line, heldBack }, 'came too often'))
    else if (log.isLevelEnabled('info')) answers.info(line, 'answered')
  }
}

function beginExchange(request: FastifyRequest, reply: FastifyReply): void {
  request.outcome = {}
  request.sender = addressGroup(request.ip)
  setSecurityHeaders(request, reply)
}

/** Where proxies do TLS, what comes past them would carry keys in the clear. */
function refuseBypass(request: FastifyRequest, onlyProxies: BlockList | null): void {
  if (onlyProxies === null) return
  const peer = addressOf(request.socket.remoteAddress ?? '')
  if (isLoopback(peer) || onlyProxies.check(peer, peer.includes(':') ? 'ipv6' : 'ipv4')) return
  throw new ProblemError(httpProblem('proxy-required', 'The request did not come through a trusted proxy.'))
}

function addressOf(peer: string): string {
  return peer.startsWith('::ffff:') ? peer.slice('::ffff:'.length) : peer
}

function findNothing(app: FastifyInstance, request: FastifyRequest, reply: FastifyReply): ProblemError {
  const url = request.url.split('?', 1)[0] ?? ''
  const allowed = (['GET', 'POST'] as const).filter(method => app.hasRoute({ method, url }))
  if (allowed.length === 0) return nothingHere()
  const methods = allowed.flatMap(method => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ')
  reply.header('allow', methods)
  return new ProblemError(httpProblem('method-not-allowed', `This address takes ${methods}.`))
}

function nothingHere(): ProblemError {
  return new ProblemError(httpProblem('not-found', 'There is nothing at this address.'))
}
