import type { FastifyReply, FastifyRequest } from 'fastify'

/** The page needs its own stylesheet and may send its form to this server; nothing else is allowed to it. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "style-src 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ')

const everywhere = {
  'content-security-policy': contentSecurityPolicy,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  // Answers hold licenses and what a person typed.
  'cache-control': 'no-store',
} as const

const oneYearSeconds = 31_536_000

/** Headers of every answer. No cookie is ever set, and no other origin is given leave to read anything. */
export function setSecurityHeaders(request: FastifyRequest, reply: FastifyReply): void {
  reply.headers(everywhere)
  reply.header('x-request-id', request.id)
  if (request.protocol === 'https') {
    reply.header('strict-transport-security', `max-age=${oneYearSeconds}`)
  }
}
