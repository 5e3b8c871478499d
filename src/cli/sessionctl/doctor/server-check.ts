import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { TLSSocket } from 'node:tls'
import type { Config } from '../../../daemon/config/schema.ts'
import { connectionOptions, type PostSettings } from '../../../daemon/reactivation/https-post.ts'
import { messageOf } from '../../../errors.ts'
import { dayMs } from '../../../license/instant.ts'
import { type Finding, failed, ok, skipped, warning } from './finding.ts'

/** A person waits; a reactivation itself has more time. */
const TIMEOUT_MS = 5000
const CERTIFICATE_DAYS = 14

/**
 * Whether the licensing server answers, whatever it says, and whether its certificate is believed. It is reached as a
 * reactivation reaches it. Faults: those of `connectionOptions`.
 */
export async function serverFinding(
  { licensingServer }: Config,
  environment: PostSettings['environment'],
): Promise<Finding> {
  const { url: address, caFile } = licensingServer
  if (address === null)
    return skipped('licensing-server', 'No licensing server is configured: licenses come by hand.')
  const url = new URL(address)
  const options = connectionOptions(url, { caFile, timeoutMs: TIMEOUT_MS, environment })
  try {
    return answerFinding(address, await visit(url, options))
  } catch (error) {
    return failed('licensing-server', `${address} cannot be reached: ${whyOf(error)}.`, mendOf(error, url))
  }
}

/** The instant at which its certificate ends; null where it has none. */
function visit(url: URL, options: ReturnType<typeof connectionOptions>): Promise<number | null> {
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    const asked = request(url, { ...options, method: 'HEAD', signal: AbortSignal.timeout(TIMEOUT_MS) })
    asked.on('error', reject)
    asked.on('response', (response: IncomingMessage) => {
      const end = (response.socket as Partial<TLSSocket>).getPeerCertificate?.().valid_to
      response.resume()
      response.socket.destroy()
      resolve(end === undefined ? null : Date.parse(end))
    })
    asked.end()
  })
}

function answerFinding(address: string, certificateEndsAt: number | null): Finding {
  if (certificateEndsAt !== null) {
    const days = Math.floor((certificateEndsAt - Date.now()) / dayMs)
    const message = `The certificate of ${address} ends in ${days} ${days === 1 ? 'day' : 'days'}.`
    if (days < CERTIFICATE_DAYS)
      return warning('licensing-server', message, 'Tell the vendor, whose server it is')
  }
  return ok('licensing-server', `${address} answers.`)
}

function whyOf(error: unknown): string {
  const isLate = (error as { name?: unknown }).name === 'TimeoutError' || codeOf(error) === 'ABORT_ERR'
  return isLate ? `it did not answer within ${TIMEOUT_MS / 1000} s` : messageOf(error) || codeOf(error)
}

function mendOf(error: unknown, url: URL): string {
  const code = codeOf(error)
  if (/^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/.test(code)) {
    return "Look at this machine's clock: date -u. If it is right, tell the vendor, whose server it is"
  }
  if (/CERT|SIGNATURE|ALTNAME|UNABLE_TO/.test(code)) {
    const to = `${url.hostname}:${url.port || 443}`
    return `Look at licensingServer.caFile; the certificate itself: openssl s_client -connect ${to} </dev/null`
  }
  return `curl -sv ${url.href}; a firewall or a proxy may be in the way`
}

function codeOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException).code)
}
