import { writeFileSync } from 'node:fs'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { judgeHandshake } from '../../../src/daemon/gateway/handshake.ts'
import { openClient, startHere } from '../../support/daemon.ts'
import { type Endpoint, type HandshakeOptions, handshakeText, knock } from '../../support/raw-client.ts'
import { Site } from '../../support/site.ts'

const TOKEN = 'n8Xq2-the_access.token~of+the!tests'
const ORIGIN = 'http://console.example.com'

async function startTcp(t: Test) {
  const site = new Site(t)
  site.config.listen.tcp.enabled = true
  site.config.listen.allowedOrigins = [ORIGIN]
  site.config.bounds.authenticationTimeoutMs = 300
  writeFileSync(site.config.listen.tcp.tokenFile, `${TOKEN}\n`, { mode: 0o600 })
  await site.license()
  const here = await startHere(t, site)
  const { port } = here.daemon.addresses.tcp!
  const tcp: Endpoint = { host: '127.0.0.1', port }
  return { ...here, site, tcp, unix: site.socket }
}

const bearer = { Authorization: `Bearer ${TOKEN}` }

t.test('who is let in, and who is not', async t => {
  const { tcp, unix } = await startTcp(t)
  const judge = async (name: string, endpoint: Endpoint, options: HandshakeOptions, expected: string) => {
    const { status, body } = await knock(
      endpoint,
      handshakeText({ ...options, headers: { ...options.headers } }),
    )
    if (!body.startsWith('{')) return t.equal(`${status}`, expected, name)
    const { code, message, hint } = JSON.parse(body)
    t.ok(message.length > 10 && hint.length > 5, name)
    return t.equal(`${status} ${code}`, expected, name)
  }
  const onTcp = (name: string, headers: Record<string, string | null>, expected: string) =>
    judge(`tcp: ${name}`, tcp, { headers: { ...bearer, ...headers } }, expected)
  const onUnix = (name: string, headers: Record<string, string | null>, expected: string) =>
    judge(`unix: ${name}`, unix, { headers }, expected)

  for (const origin of [
    'null',
    'http://evil.example',
    `${ORIGIN}:80`,
    'http://console.example.com.evil.example',
    '',
    ORIGIN.toUpperCase(),
    `${ORIGIN}, ${ORIGIN}`,
  ]) {
    await onTcp(`origin "${origin}"`, { Origin: origin }, '403 origin-refused')
    await onUnix(`origin "${origin}"`, { Origin: origin }, '403 origin-refused')
  }
  for (const host of [
    'evil.example',
    '10.0.0.7',
    '127.0.0.1.evil.example',
    'localhost.evil.example:7788',
    '127.0.0.2',
    '[::2]',
    'localhost:7788:1',
    'localhost:',
    '',
    'user@localhost',
  ]) {
    await onTcp(`host "${host}"`, { Host: host }, '403 host-refused')
  }
  await judge('tcp: another path', tcp, { path: '/metrics', headers: bearer }, '404 path-not-found')
  await judge('tcp: two slashes', tcp, { path: '//', headers: bearer }, '404 path-not-found')
  await judge('unix: another path', unix, { path: '/chat' }, '404 path-not-found')
  for (const offered of [null, 'sessiond.v2', 'SESSIOND.V1', 'sessiond.v1.x', ',']) {
    await onTcp(`subprotocol "${offered}"`, { 'Sec-WebSocket-Protocol': offered }, '400 subprotocol-missing')
    await onUnix(`subprotocol "${offered}"`, { 'Sec-WebSocket-Protocol': offered }, '400 subprotocol-missing')
  }
  const wrong = [
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN.slice(1)}`,
    'Bearer',
    'Bearer  ',
    `Basic ${TOKEN}`,
    TOKEN,
    '',
  ]
  for (const authorization of wrong) {
    await onTcp(`authorization "${authorization}"`, { Authorization: authorization }, '401 unauthenticated')
  }
  // The header is there, so it is judged, though the subprotocol list would be right.
  const listed = `sessiond.v1, sessiond.token.${TOKEN}`
  await onTcp(
    'a wrong header before a right list',
    { Authorization: 'Bearer wrong', 'Sec-WebSocket-Protocol': listed },
    '401 unauthenticated',
  )
  await onTcp(
    'a wrong token in the list',
    { Authorization: null, 'Sec-WebSocket-Protocol': 'sessiond.v1, sessiond.token.wrong' },
    '401 unauthenticated',
  )
  // The order of judgement: a page is not told whether it guessed the token.
  await onTcp(
    'a page with a wrong token',
    { Origin: 'http://evil.example', Authorization: 'Bearer wrong' },
    '403 origin-refused',
  )
  // What ws itself refuses.
  await onTcp('an old version', { 'Sec-WebSocket-Version': '7' }, '400')
  await onTcp('a bad key', { 'Sec-WebSocket-Key': 'short' }, '400')
})

t.test('what is let in', async t => {
  const { tcp, unix } = await startTcp(t)
  const good: [string, Endpoint, HandshakeOptions][] = [
    ['tcp, bearer', tcp, { headers: bearer }],
    ['tcp, bearer in another case', tcp, { headers: { Authorization: `bearer   ${TOKEN}  ` } }],
    [
      'tcp, token in the subprotocol list',
      tcp,
      { headers: { 'Sec-WebSocket-Protocol': `sessiond.token.${TOKEN},sessiond.v1` } },
    ],
    ['tcp, allowed origin', tcp, { headers: { ...bearer, Origin: ORIGIN } }],
    ['tcp, with a query', tcp, { path: '/?who=me', headers: bearer }],
    [
      'tcp, other subprotocols too',
      tcp,
      { headers: { ...bearer, 'Sec-WebSocket-Protocol': 'chat, sessiond.v1' } },
    ],
    ['unix, any host', unix, { headers: { Host: 'evil.example' } }],
    ['unix, allowed origin', unix, { headers: { Origin: ORIGIN } }],
    ['unix, a token that nobody asked for', unix, { headers: { Authorization: 'Bearer wrong' } }],
  ]
  for (const host of ['localhost', 'LOCALHOST:1', '127.0.0.1', '127.0.0.1:65535', '[::1]', '[::1]:7788']) {
    good.push([`tcp, host ${host}`, tcp, { headers: { ...bearer, Host: host } }])
  }
  for (const [name, endpoint, options] of good) {
    const client = await openClient(t, endpoint, options)
    t.equal(client.handshake.headers['sec-websocket-protocol'], 'sessiond.v1', name)
    t.equal(client.handshake.headers['sec-websocket-extensions'], undefined, name)
    t.equal((await client.call('session.acquire', { key: 'call' })).granted, true, name)
    await client.call('session.release', {
      token: (await client.call('session.acquire', { key: 'call' })).token,
    })
    await client.close()
  }
})

t.test('the token in hello', async t => {
  const { tcp, logged } = await startTcp(t)
  const client = await openClient(t, tcp)
  const unauthenticated = { error: { code: -32001, data: { code: 'unauthenticated' } } }
  t.match(await client.ask('session.acquire', { key: 'a' }), unauthenticated)
  t.match(await client.ask('status.get'), unauthenticated)
  t.match(await client.ask('session.release', { token: '0.0000000000000000' }), unauthenticated)
  t.match(await client.ask('hello'), unauthenticated)
  t.match(await client.ask('hello', { token: `${TOKEN}.` }), unauthenticated)
  const [hello, acquire] = await client.batch([
    { method: 'hello', params: { token: TOKEN } },
    { method: 'session.acquire', params: { key: 'a' } },
  ])
  t.equal(hello?.result.protocol, 'sessiond.v1')
  t.equal(acquire?.result.granted, true)
  t.match(await client.ask('hello', { token: TOKEN }), { error: { data: { code: 'hello-repeated' } } })

  // Who has no token is shown out; who had one stays.
  const stranger = await openClient(t, tcp)
  t.strictSame(await stranger.closed, { code: 4501, reason: 'unauthenticated' })
  t.match(await logged('A connection was closed.'), { level: 'warn', cause: 'unauthenticated' })
  t.equal((await client.call('status.get')).connections, 1)
})

t.test('a request that is no WebSocket gets an answer', async t => {
  const { tcp, unix } = await startTcp(t)
  for (const endpoint of [tcp, unix]) {
    for (const request of [
      'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n',
      'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}',
    ]) {
      const { status, headers, body } = await knock(endpoint, request)
      t.equal(status, 426)
      t.equal(headers['upgrade'], 'websocket')
      t.match(body, '"code":"upgrade-required"')
    }
    t.equal((await knock(endpoint, 'NONSENSE\r\n\r\n')).status, 400)
  }
})

t.test('no header makes the judgement throw, and only the right token passes', async () => {
  const door = { accessToken: TOKEN, hostMustBeLoopback: true, allowedOrigins: [ORIGIN] }
  const text = fc.oneof(
    fc.string({ unit: 'binary-ascii' }),
    fc.constantFrom('localhost', '127.0.0.1', 'sessiond.v1', 'null', 'Bearer x', ORIGIN),
  )
  const maybe = fc.option(text, { nil: undefined })
  const headers = fc.record({
    origin: maybe,
    host: maybe,
    authorization: maybe,
    'sec-websocket-protocol': maybe,
  })
  fc.assert(
    fc.property(fc.option(text, { nil: undefined }), headers, (url, given) => {
      const defined = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
      const judgement = judgeHandshake(url, defined, door)
      return judgement.admitted ? !judgement.authenticated : judgement.status >= 400
    }),
    { numRuns: 300 },
  )
})
