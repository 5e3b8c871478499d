import { once } from 'node:events'
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Compile } from 'typebox/compile'
import { apiPaths, Problem } from '../../../src/licensing-api/schemas.ts'
import { httpProblems, refusalProblems } from '../../../src/licensing-server/http/problems.ts'
import { startSite } from '../../licensing-server/http/site.ts'
import { Machine } from '../../licensing-server/vendor.ts'
import { mutateBytes } from '../mutate-bytes.ts'
import { mutateJson, spellJson } from '../mutate-json.ts'
import type { Random } from '../random.ts'
import { ensure, type Target } from '../target.ts'
import { mutateJws, partsOf } from './signer.ts'

const isProblem = Compile(Problem)
const codes = new Set<string>([...Object.keys(httpProblems), ...refusalProblems.map(({ code }) => code)])
const many = { burst: 1_000_000, perHour: 100_000_000 }
const poolTotal = 50

/** A request of HTTP: what of it is bytes, is base64. */
interface Sent {
  readonly method: string
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: string
}

/** The API of the licensing server and its page, over HTTP. An input is a request as JSON. */
export const httpBodies: Target = {
  name: 'http-bodies',
  kind: 'documents',
  async open(t) {
    const limits = { perAddress: many, perKey: many, wrongKeys: many }
    const site = await startSite(t, { limits })
    const { key, poolId } = await site.vendor.pool(poolTotal)
    const machine = new Machine()
    const text = await machine.request({ sessions: 2 })
    const good = { ...partsOf(text), text }
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    t.teardown(() => agent.destroy())
    return {
      async make(random) {
        const document = random.chance(50)
          ? text
          : mutateJws(good, machine.privateKey, 'ES256', random).toString('latin1')
        return Buffer.from(
          JSON.stringify(
            random.chance(60) ? makeApi(random, document, key) : makeForm(random, document, key),
          ),
        )
      },
      async judge(input) {
        const outcome = await send(site.url, agent, JSON.parse(input.toString()))
        ensure(Object.keys(Object.prototype).length === 0, 'A body changed the prototype of everything.')
        return outcome
      },
      async finish() {
        ensure((await site.vendor.claimed(poolId)) <= poolTotal, 'More is claimed than the pool has.')
        const fault = site.log.find(line => JSON.parse(line).level === 'error')
        ensure(fault === undefined, `The server met a fault: ${fault}`)
      },
    }
  },
}

function makeApi(random: Random, request: string, installationKey: string): Sent {
  const path = random.pick([apiPaths.activations, apiPaths.reactivations, apiPaths.deactivationConfirmations])
  const body = path === apiPaths.activations ? { request, installationKey, sessions: 2 } : { request }
  let bytes: Buffer = Buffer.from(
    random.chance(70) ? spellJson(mutateJson(body, random), random) : JSON.stringify(body),
  )
  if (random.chance(25)) bytes = mutateBytes(bytes, random)
  const type = random.chance(92)
    ? 'application/json'
    : random.pick(['text/plain', 'multipart/form-data', '', 'application/json; charset=x'])
  return { method: 'POST', path, headers: { 'content-type': type }, body: bytes.toString('base64') }
}

function makeForm(random: Random, request: string, key: string): Sent {
  const boundary = '----fuzz'
  const part = (name: string, value: string, more = '') =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`
  const parts = [
    part('installationKey', key),
    part('sessions', random.pick(['2', '', '-1', '1e9', '٣', '2 ', '0x2'])),
    random.chance(50)
      ? part('request', request)
      : part('requestFile', request, '; filename="request.jws"\r\nContent-Type: x/y'),
  ]
  if (random.chance(40))
    parts.splice(
      random.below(3),
      random.below(2),
      random.pick([...parts, part('__proto__', 'x'), part('extra', 'x')]),
    )
  const bytes = Buffer.from(`${parts.join('')}--${boundary}--\r\n`, 'latin1')
  const body = random.chance(50) ? mutateBytes(bytes, random) : bytes
  const type = `multipart/form-data; boundary=${random.chance(95) ? boundary : random.pick(['', 'x', '"'])}`
  const path = random.chance(85) ? '/' : '/license-file'
  return { method: 'POST', path, headers: { 'content-type': type }, body: body.toString('base64') }
}

async function send(url: string, agent: Agent, { method, path, headers, body }: Sent): Promise<string> {
  const bytes = Buffer.from(body, 'base64')
  const sent = httpRequest(url + path, {
    method,
    agent,
    headers: { ...headers, 'content-length': bytes.length },
  })
  sent.end(bytes)
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of answer) chunks.push(chunk as Buffer)
  return check(path, answer, Buffer.concat(chunks).toString())
}

function check(path: string, answer: IncomingMessage, text: string): string {
  const status = answer.statusCode ?? 0
  const type = answer.headers['content-type'] ?? ''
  ensure(status !== 500, `The server met a fault: ${text}`)
  if (type.startsWith('application/problem+json')) {
    const problem: unknown = JSON.parse(text)
    ensure(isProblem.Check(problem), `It is no problem as documented: ${text}`)
    ensure(
      codes.has(problem.code) && problem.status === status,
      `${problem.code} with ${status} is not documented.`,
    )
    return `${status} ${problem.code}`
  }
  if (!path.startsWith('/v1/') && type.startsWith('text/html')) {
    ensure(!/<script|\son\w+=/i.test(text), 'The page holds a script.')
    return `${status} page`
  }
  ensure(status === 200, `The answer ${status} of type ${type} is not documented.`)
  return `${status} ${type}`
}
