import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import https from 'node:https'
import { type AddressInfo, connect, type Server } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type PostSettings, postJson, retryAfterOf } from '../../../src/daemon/reactivation/https-post.ts'
import { Fault } from '../../../src/errors.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

const settings: PostSettings = { caFile: null, timeoutMs: 5000, environment: {} }
const { signal } = new AbortController()

/** A certificate for `localhost` and `license.example`, which nobody but this test believes. */
function certificate(t: Test): { cert: string; key: string } {
  const folder = t.testdir()
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  execFileSync(
    'openssl',
    [
      ...'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test'.split(' '),
      ...['-addext', 'subjectAltName=DNS:localhost,DNS:license.example', '-keyout', key, '-out', cert],
    ],
    { stdio: 'pipe' },
  )
  return { cert, key }
}

async function listen(t: Test, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    if (server instanceof http.Server || server instanceof https.Server) server.closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}

async function plain(t: Test, handler: Handler): Promise<URL> {
  return new URL(`http://127.0.0.1:${await listen(t, http.createServer(handler))}/v1/x`)
}

async function secure(t: Test, handler: Handler): Promise<{ port: number; caFile: string }> {
  const { cert, key } = certificate(t)
  const server = https.createServer({ cert: readFileSync(cert), key: readFileSync(key) }, handler)
  return { port: await listen(t, server), caFile: cert }
}

/** A proxy that connects every CONNECT to `port`, and notes what was asked of it. */
async function proxyTo(
  t: Test,
  port: number,
): Promise<{ url: string; asked: { target: string; login: string }[] }> {
  const asked: { target: string; login: string }[] = []
  const server = http.createServer()
  server.on('connect', (request, client) => {
    asked.push({ target: request.url ?? '', login: request.headers['proxy-authorization'] ?? '' })
    const upstream = connect(port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n')
      client.pipe(upstream).pipe(client)
    })
    client.on('error', () => upstream.destroy())
    upstream.on('error', () => client.destroy())
    t.teardown(() => client.destroy())
  })
  return { url: `http://who:why@127.0.0.1:${await listen(t, server)}`, asked }
}

const hello: Handler = (request, response) => {
  const chunks: Buffer[] = []
  request.on('data', chunk => chunks.push(chunk))
  request.on('end', () => {
    response.setHeader('content-type', 'Application/JSON; charset=utf-8')
    response.end(
      JSON.stringify({
        method: request.method,
        type: request.headers['content-type'],
        got: JSON.parse(`${Buffer.concat(chunks)}`),
      }),
    )
  })
}

async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  const outcome = await promise.then(
    () => null,
    error => error,
  )
  if (outcome instanceof Fault) return outcome
  throw new Error(`No fault, but ${outcome}`)
}

t.test('sends JSON, reads the answer', async t => {
  const answer = await postJson(await plain(t, hello), { a: 'ü' }, settings, signal)
  t.match(answer, { status: 200, contentType: 'application/json', retryAfterMs: 0 })
  t.strictSame(JSON.parse(answer.body), { method: 'POST', type: 'application/json', got: { a: 'ü' } })
})

t.test('an answer of any status is an answer; a redirect is not followed', async t => {
  let asked = 0
  const url = await plain(t, (request, response) => {
    asked++
    request.resume()
    response.writeHead(307, { location: '/elsewhere', 'retry-after': '7' }).end()
  })
  t.match(await postJson(url, {}, settings, signal), {
    status: 307,
    retryAfterMs: 7000,
    contentType: '',
    body: '',
  })
  t.equal(asked, 1)
})

t.test('nobody there', async t => {
  const url = await plain(t, hello)
  const gone = http.createServer().listen(0, '127.0.0.1')
  await once(gone, 'listening')
  url.port = String((gone.address() as AddressInfo).port)
  await new Promise(resolve => gone.close(resolve))
  const fault = await faultOf(postJson(url, {}, settings, signal))
  t.match(fault, {
    code: 'licensing-server-unreachable',
    retryable: true,
    hint: /same request is sent again/,
  })
  t.match(fault.message, `The licensing server ${url.origin} could not be asked: connect ECONNREFUSED`)
})

t.test('a name that nobody knows', async t => {
  const url = new URL('https://licensing.invalid/')
  t.match(await faultOf(postJson(url, {}, settings, signal)), { hint: /name service/ })
})

t.test('an answer that does not come, or does not end', async t => {
  const limited = { ...settings, timeoutMs: 200 }
  const silent = await plain(t, request => void request.resume())
  t.match(await faultOf(postJson(silent, {}, limited, signal)), { message: /did not answer within 200 ms/ })
  const endless = await plain(t, (request, response) => {
    request.resume()
    response.write('{')
  })
  t.match(await faultOf(postJson(endless, {}, limited, signal)), { message: /did not answer within 200 ms/ })
})

t.test('an answer that is too long is not read', async t => {
  let sent = 0
  const url = await plain(t, (request, response) => {
    request.resume()
    const chunk = Buffer.alloc(1024 * 1024)
    const more = (): unknown => {
      if (response.destroyed) return
      sent++
      return response.write(chunk, more)
    }
    more()
  })
  t.match(await faultOf(postJson(url, {}, settings, signal)), { message: /longer than/ })
  t.ok(sent < 64, 'the connection was closed')
})

t.test('what is interrupted ends at once', async t => {
  const url = await plain(t, request => void request.resume())
  const controller = new AbortController()
  const asked = faultOf(postJson(url, {}, settings, controller.signal))
  controller.abort(new Error('sessiond stops'))
  t.match(await asked, { message: /sessiond stops/ })
  t.match(await faultOf(postJson(url, {}, settings, controller.signal)), { message: /sessiond stops/ })
})

t.test(
  'a certificate of an authority of one’s own is believed where it is named, and not where it is not',
  async t => {
    const { port, caFile } = await secure(t, hello)
    const url = new URL(`https://localhost:${port}/`)
    t.match(await postJson(url, { a: 1 }, { ...settings, caFile }, signal), { status: 200 })
    t.match(await faultOf(postJson(url, {}, settings, signal)), {
      message: /self-signed certificate/,
      hint: /caFile/,
    })
    const other = certificate(t).cert
    t.match(await faultOf(postJson(url, {}, { ...settings, caFile: other }, signal)), {
      retryable: true,
      hint: /caFile/,
    })
    const missing = { ...settings, caFile: `${caFile}.not` }
    t.match(await faultOf(postJson(url, {}, missing, signal)), {
      code: 'ca-file-not-readable',
      retryable: false,
    })
    const wrongName = new URL(`https://127.0.0.1:${port}/`)
    t.match(await faultOf(postJson(wrongName, {}, { ...settings, caFile }, signal)), { hint: /caFile/ })
  },
)

t.test('a proxy of the environment', async t => {
  const { port, caFile } = await secure(t, hello)
  const proxy = await proxyTo(t, port)
  const url = new URL('https://license.example/v1/x')
  for (const name of ['HTTPS_PROXY', 'https_proxy']) {
    const given = { ...settings, caFile, environment: { [name]: proxy.url, NO_PROXY: 'other.example' } }
    t.match(await postJson(url, { a: 1 }, given, signal), { status: 200 }, name)
  }
  const login = `Basic ${Buffer.from('who:why').toString('base64')}`
  t.strictSame(proxy.asked, Array(2).fill({ target: 'license.example:443', login }))

  const direct = new URL(`https://localhost:${port}/`)
  const excepted = { ...settings, caFile, environment: { HTTPS_PROXY: proxy.url, NO_PROXY: 'localhost' } }
  t.match(await postJson(direct, {}, excepted, signal), { status: 200 }, 'NO_PROXY')
  const own = await plain(t, hello)
  const all = { ...settings, environment: { HTTPS_PROXY: proxy.url, HTTP_PROXY: proxy.url } }
  t.match(await postJson(own, {}, all, signal), { status: 200 }, 'this machine is asked directly')
  t.equal(proxy.asked.length, 2)
})

t.test('a proxy that refuses, or never answers', async t => {
  const url = new URL('https://license.example/v1/x')
  const refusing = http.createServer()
  refusing.on('connect', (_, client) => client.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n'))
  const port = await listen(t, refusing)
  const environment = { HTTPS_PROXY: `http://127.0.0.1:${port}` }
  t.match(await faultOf(postJson(url, {}, { ...settings, environment }, signal)), {
    message: /407/,
    hint: /HTTPS_PROXY/,
  })
  const mute = http.createServer()
  mute.on('connect', (_, client) => t.teardown(() => client.destroy()))
  const silent = { HTTPS_PROXY: `http://127.0.0.1:${await listen(t, mute)}` }
  const limited = { ...settings, timeoutMs: 200, environment: silent }
  t.match(await faultOf(postJson(url, {}, limited, signal)), { retryable: true, message: /200 ?ms/ })
})

t.test('Retry-After in seconds or as a date', async t => {
  const now = Date.parse('2026-11-24T12:00:00Z')
  t.equal(retryAfterOf('120', now), 120_000)
  t.equal(retryAfterOf('Tue, 24 Nov 2026 12:00:30 GMT', now), 30_000)
  t.equal(retryAfterOf('Tue, 24 Nov 2026 11:00:00 GMT', now), 0)
  for (const odd of [undefined, '', 'soon', '-5', '99999999999']) t.equal(retryAfterOf(odd, now), 0, `${odd}`)
})
