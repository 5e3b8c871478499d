import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import https from 'node:https'
import { Fault, messageOf } from '../../errors.ts'
import * as http from '../../http.ts'

export interface PostSettings {
  /** Certificates (PEM) that alone are believed to be authorities; null: those of the system. */
  readonly caFile: string | null
  readonly timeoutMs: number
  /** Of the process: HTTPS_PROXY, NO_PROXY, also in small letters. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

export interface HttpAnswer {
  readonly status: number
  /** Without parameters, in small letters; empty where there is none. */
  readonly contentType: string
  readonly body: string
  /** Milliseconds from now; 0 where the header is absent or cannot be read. */
  readonly retryAfterMs: number
}

/** No answer is longer: a license, and revocation lists. */
const maxAnswerBytes = 4 * 1024 * 1024

/**
 * Sends JSON and reads the whole answer, whatever its status. Redirects are not followed: what is sent is for
 * this server alone.
 *
 * @throws {Fault} `licensing-server-unreachable` (retryable) where no whole answer came in time;
 *   `ca-file-not-readable`, `proxy-not-supported`
 */
export async function postJson(
  url: URL,
  body: object,
  settings: PostSettings,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const options = { ...connectionOptions(url, settings), method: 'POST' }
  const text = JSON.stringify(body)
  const headers = {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(text)),
    accept: 'application/json, application/problem+json',
    'user-agent': 'sessiond',
  }
  const limit = AbortSignal.any([signal, AbortSignal.timeout(settings.timeoutMs)])
  try {
    return await new Promise<HttpAnswer>((resolve, reject) => {
      const transport = url.protocol === 'https:' ? https : http
      const request = transport.request(url, { ...options, headers })
      const abort = () => {
        reject(limit.reason)
        request.destroy()
      }
      request.on('error', reject)
      if (limit.aborted) return abort()
      limit.addEventListener('abort', abort, { once: true })
      request.on('response', response => readAnswer(response).then(resolve, reject))
      request.end(text)
    })
  } catch (error) {
    if (error instanceof Fault) throw error
    throw unreachable(url, error, settings)
  }
}

/** How this machine reaches that address: its proxy and authorities. Faults: `ca-file-not-readable`, `proxy-not-supported`. */
export function connectionOptions(url: URL, settings: PostSettings): https.RequestOptions {
  const { timeoutMs, caFile, environment } = settings
  // Plain HTTP goes to this very machine (a rule of the configuration), where no proxy belongs.
  if (url.protocol !== 'https:') return { agent: new http.Agent({ timeout: timeoutMs }) }
  const proxyEnv = proxyOf(environment)
  if (proxyEnv !== undefined && !process.allowedNodeEnvironmentFlags.has('--use-env-proxy')) {
    throw new Fault('proxy-not-supported', `Node.js ${process.versions.node} cannot use HTTPS_PROXY.`, {
      hint: 'Run it on Node.js 22.21 or 24.5 and newer, or take HTTPS_PROXY out of its environment.',
    })
  }
  const ca = caFile === null ? {} : { ca: readCaFile(caFile) }
  // The agent's timeout also bounds the wait for the proxy.
  const agent = new https.Agent({
    timeout: timeoutMs,
    ...ca,
    ...(proxyEnv === undefined ? {} : { proxyEnv }),
  })
  return { agent, ...ca }
}

const proxyVariables = ['HTTPS_PROXY', 'https_proxy', 'NO_PROXY', 'no_proxy'] as const

/** The variables that tell of a proxy for HTTPS; undefined where there is none. */
function proxyOf(environment: PostSettings['environment']): Record<string, string> | undefined {
  const named = proxyVariables.flatMap(name => {
    const value = environment[name]
    return value === undefined || value === '' ? [] : [[name, value] as const]
  })
  const found = Object.fromEntries(named)
  return 'HTTPS_PROXY' in found || 'https_proxy' in found ? found : undefined
}

function readCaFile(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new Fault('ca-file-not-readable', `licensingServer.caFile cannot be read: ${messageOf(error)}`, {
      hint: `Look at its owner and mode: ls -l ${path}`,
      cause: error,
    })
  }
}

async function readAnswer(response: IncomingMessage): Promise<HttpAnswer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxAnswerBytes) throw new Error(`the answer is longer than ${maxAnswerBytes} bytes`)
    chunks.push(chunk)
  }
  return {
    status: response.statusCode ?? 0,
    contentType: (response.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase(),
    body: Buffer.concat(chunks).toString('utf8'),
    retryAfterMs: retryAfterOf(response.headers['retry-after'], Date.now()),
  }
}

/** RFC 9110, 10.2.3: seconds, or a date. */
export function retryAfterOf(header: string | undefined, now: number): number {
  if (header === undefined) return 0
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000
  const at = Date.parse(header)
  return Number.isNaN(at) ? 0 : Math.max(0, at - now)
}

function unreachable(url: URL, error: unknown, { timeoutMs, environment }: PostSettings): Fault {
  const { name, code } = error as { name?: string; code?: string }
  const why =
    name === 'TimeoutError'
      ? `it did not answer within ${timeoutMs} ms`
      : messageOf(error) || (code ?? 'no reason')
  const message = `The licensing server ${url.origin} could not be asked: ${why}.`
  const hint = hintOf(code ?? '', proxyOf(environment) !== undefined)
  return new Fault('licensing-server-unreachable', message, { hint, retryable: true, cause: error })
}

function hintOf(code: string, isProxied: boolean): string {
  if (/^(CERT_HAS_EXPIRED|CERT_NOT_YET_VALID)$/.test(code)) return "Look at this machine's clock: `date -u`."
  if (/CERT|SELF_SIGNED|UNABLE_TO_/.test(code)) {
    return 'If a proxy or an authority of your own stands between, name its certificates: licensingServer.caFile.'
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return 'Look at licensingServer.url and at the name service.'
  if (isProxied) return 'Look at HTTPS_PROXY and NO_PROXY in the environment, and at the proxy.'
  return 'The license in force stays so; the same request is sent again. Look at the network and at licensingServer.url.'
}
