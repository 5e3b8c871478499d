import { readFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Config } from '../../../daemon/config/schema.ts'
import { messageOf } from '../../../errors.ts'
import { type Finding, failed, ok, skipped, warning } from './finding.ts'

/** A person waits; a reactivation itself has more time. */
const TIMEOUT_MS = 5000
const CERTIFICATE_DAYS = 14

/** Whether the licensing server answers, whatever it says, and whether its certificate is believed. */
export async function serverFinding({ licensingServer }: Config): Promise<Finding> {
  const { url, caFile } = licensingServer
  if (url === null)
    return skipped('licensing-server', 'No licensing server is configured: licenses come by hand.')
  try {
    const { daysLeft } = await visit(url, caFile)
    if (daysLeft !== null && daysLeft < CERTIFICATE_DAYS) {
      const mend = 'Tell the vendor, whose server it is'
      return warning('licensing-server', `The certificate of ${url} ends in ${daysLeft} days.`, mend)
    }
    return ok('licensing-server', `${url} answers.`)
  } catch (error) {
    const mend = isCertificate(error)
      ? 'Look at licensingServer.caFile; the certificate itself: openssl s_client -connect HOST:443'
      : `curl -sv ${url}; a firewall or a proxy may be in the way`
    return failed('licensing-server', `${url} cannot be reached: ${messageOf(error)}.`, mend)
  }
}

function visit(url: string, caFile: string | null): Promise<{ daysLeft: number | null }> {
  const isTls = url.startsWith('https:')
  const options = { method: 'HEAD', signal: AbortSignal.timeout(TIMEOUT_MS), agent: false }
  const ca = caFile === null ? {} : { ca: readFileSync(caFile) }
  return new Promise((resolve, reject) => {
    const asked = isTls ? httpsRequest(url, { ...options, ...ca }) : httpRequest(url, options)
    asked.on('error', reject)
    asked.on('response', response => {
      const socket = response.socket as { getPeerCertificate?: () => { valid_to?: string } }
      const end = socket.getPeerCertificate?.().valid_to
      response.resume()
      resolve({
        daysLeft: end === undefined ? null : Math.floor((Date.parse(end) - Date.now()) / 86_400_000),
      })
    })
    asked.end()
  })
}

function isCertificate(error: unknown): boolean {
  return /CERT|SIGNATURE|ALTNAME|UNABLE_TO/.test(String((error as NodeJS.ErrnoException).code))
}
