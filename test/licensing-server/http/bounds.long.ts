import t from 'tap'
import { apiPaths } from '../../../src/licensing-api/schemas.ts'
import { until } from '../../support/until.ts'
import { RawConnection } from './raw.ts'
import { startSite } from './site.ts'

t.test('a body that is not what it should be is refused, and nothing of it is repeated', async t => {
  const site = await startSite(t)
  const secret = '1SECRET-KEY-OF-SOMEBODY'
  const json = { 'content-type': 'application/json' }
  const cases: [name: string, body: string, headers: Record<string, string>, status: number, code: string][] =
    [
      ['no JSON', `{"installationKey":"${secret}",`, json, 400, 'body-invalid'],
      ['nothing', '', json, 400, 'body-invalid'],
      ['a list', `["${secret}"]`, json, 400, 'body-invalid'],
      ['a wrong type', `{"request":7,"installationKey":"${secret}"}`, json, 400, 'body-invalid'],
      ['something more', `{"request":"a","installationKey":"${secret}","x":1}`, json, 400, 'body-invalid'],
      ['a prototype', `{"__proto__":{"request":"${secret}"}}`, json, 400, 'body-invalid'],
      ['a number as text', `{"request":"a","installationKey":"a","sessions":"5"}`, json, 400, 'body-invalid'],
      ['half a session', `{"request":"a","installationKey":"a","sessions":0.5}`, json, 400, 'body-invalid'],
      ['no session', `{"request":"a","installationKey":"a","sessions":0}`, json, 400, 'body-invalid'],
      ['text', secret, { 'content-type': 'text/plain' }, 415, 'content-type-unsupported'],
      ['no type', secret, { 'content-type': '' }, 415, 'content-type-unsupported'],
      [
        'a form',
        `request=${secret}`,
        { 'content-type': 'application/x-www-form-urlencoded' },
        415,
        'content-type-unsupported',
      ],
      ['too much', `{"request":"${'a'.repeat(70_000)}","installationKey":"a"}`, json, 413, 'body-too-large'],
    ]
  for (const [name, body, headers, status, code] of cases) {
    const reply = await site.post(apiPaths.activations, body, headers)
    t.equal(reply.status, status, `${name}: ${reply.text}`)
    t.equal(reply.body.code, code, name)
    t.equal(reply.headers.get('content-type')?.split(';')[0], 'application/problem+json', name)
    t.notMatch(reply.text, secret, name)
  }
  t.match((await site.post(apiPaths.activations, '{"request":"a"}')).body.errors, [{ path: '' }])
  t.notMatch(site.log.join(''), secret)
})

t.test('what is not there, and what is asked the wrong way', async t => {
  const site = await startSite(t)
  t.match(await site.get('/v1/nothing'), { status: 404, body: { code: 'not-found' } })
  const wrong = await site.get(apiPaths.activations)
  t.match(wrong, { status: 405, body: { code: 'method-not-allowed' } })
  t.equal(wrong.headers.get('allow'), 'POST')
  const posted = await site.post(apiPaths.revocationLists, {})
  t.equal(posted.headers.get('allow'), 'GET, HEAD')
  t.equal((await site.post('/v1/nothing', {})).status, 404)
  t.equal((await site.get('/..%2f..%2fetc/passwd')).status, 404)
  const undecodable = await site.get('/%zz')
  t.match(undecodable, { status: 404, body: { code: 'not-found' } }, 'an address that cannot be decoded')
  t.equal(undecodable.headers.get('x-content-type-options'), 'nosniff')
})

t.test('what is no HTTP is answered and closed', async t => {
  const site = await startSite(t)
  const cases: [name: string, bytes: string, status: number][] = [
    ['noise', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n', 400],
    ['no host', 'GET / HTTP/1.1\r\n\r\n', 400],
    [
      'two lengths',
      'POST /v1/activations HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n',
      400,
    ],
    [
      'length and chunks',
      'POST /v1/activations HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
      400,
    ],
    ['long headers', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(9000)}\r\n\r\n`, 431],
  ]
  for (const [name, bytes, status] of cases) {
    const connection = await RawConnection.open(site.url)
    connection.send(bytes)
    await connection.closed
    t.equal(connection.status, status, `${name}: ${connection.received}`)
  }
  const reset = await RawConnection.open(site.url)
  reset.send('POST / HT')
  reset.socket.resetAndDestroy()
  t.equal((await site.get('/healthz')).status, 200, 'it lives on')
})

t.test('who sends in drops is cut off, whatever part of the request it is', { timeout: 60_000 }, async t => {
  const site = await startSite(t, { bounds: { requestTimeoutMs: 1000 } })
  const starts = {
    'the head': 'POST /v1/activations HTTP/1.1\r\nHost: a\r\n',
    'the body':
      'POST /v1/activations HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
    'a form':
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 9000\r\n\r\n--b\r\nContent-Disposition: form-data; name="request"\r\n\r\n',
  }
  for (const [name, start] of Object.entries(starts)) {
    const connection = await RawConnection.open(site.url)
    const began = performance.now()
    connection.send(start)
    const drip = setInterval(() => connection.send('x'), 50)
    await connection.closed
    clearInterval(drip)
    t.ok(performance.now() - began < 15_000, name)
    t.equal(connection.status, 408, `${name}: ${connection.received}`)
  }
  t.equal((await site.get('/healthz')).status, 200)
})

t.test('who never reads the answer is cut off', { timeout: 60_000 }, async t => {
  const site = await startSite(t, { bounds: { requestTimeoutMs: 500, idleTimeoutMs: 500 } })
  const connection = await RawConnection.open(site.url)
  connection.socket.pause()
  connection.send('GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(500))
  await until('the connection is closed', () => connectionsOf(site.url).then(count => count === 0), 30_000)
  connection.socket.destroy()
  t.pass()

  async function connectionsOf(url: string): Promise<number> {
    const port = Number(new URL(url).port).toString(16).toUpperCase().padStart(4, '0')
    const { readFileSync } = await import('node:fs')
    // State 01 is ESTABLISHED; the local address of the server's end has its port.
    return readFileSync('/proc/net/tcp', 'utf8')
      .split('\n')
      .filter(line => new RegExp(`^ *\\d+: [0-9A-F]{8}:${port} [0-9A-F]{8}:[0-9A-F]{4} 01`).test(line)).length
  }
})

t.test('there are only so many connections', async t => {
  const site = await startSite(t, { bounds: { maxConnections: 2 } })
  const first = await RawConnection.open(site.url)
  const second = await RawConnection.open(site.url)
  const third = new RawConnection(site.url)
  await third.closed
  t.equal(third.received, '')
  first.socket.destroy()
  second.socket.destroy()
  await until('there is room again', async () =>
    site.get('/healthz').then(
      reply => reply.status === 200,
      () => false,
    ),
  )
})
