import { gzipSync } from 'node:zlib'
import t from 'tap'
import { harmless } from '../../src/cli/terminal.ts'
import { readYaml } from '../../src/config/read-yaml.ts'
import { apiPaths } from '../../src/licensing-api/schemas.ts'
import { RawConnection } from '../licensing-server/http/raw.ts'
import { startSite } from '../licensing-server/http/site.ts'
import { startHere } from '../support/daemon.ts'
import { encodeFrame, OPCODE } from '../support/raw-websocket.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

t.test('a frame is never inflated', async t => {
  const site = new Site(t)
  await site.license()
  const { client: open } = await startHere(t, site)
  const neighbour = await open()
  for (const offer of [
    'permessage-deflate',
    'permessage-deflate; client_max_window_bits',
    'x-webkit-deflate-frame',
  ]) {
    const client = await open({ headers: { 'Sec-WebSocket-Extensions': offer } })
    t.equal(client.handshake.headers['sec-websocket-extensions'], undefined, offer)
    // RSV1, by which a compressed message is told.
    const bomb = encodeFrame(OPCODE.text, gzipSync(Buffer.alloc(1_000_000)))
    bomb[0]! |= 0x40
    client.sendBytes(bomb)
    t.equal((await client.closed).code, 1002, offer)
  }
  await until('all are gone', async () => (await neighbour.call('status.get')).connections === 1)
})

t.test('JSON that is nested as deep as a frame allows is answered, and pollutes nothing', async t => {
  const site = new Site(t)
  await site.license()
  const { client: open } = await startHere(t, site)
  const client = await open()
  const depth = Math.floor(site.config.bounds.maxFrameBytes / 2) - 100
  for (const [start, end] of [
    ['[', ']'],
    ['{"__proto__":', '}'],
  ] as const) {
    const times = Math.floor(depth / start.length)
    const nested = `${start.repeat(times)}1${end.repeat(times)}`
    client.send(`{"jsonrpc":"2.0","id":1,"method":"session.acquire","params":${nested}}`)
    t.ok((await client.next()).error, start)
  }
  t.equal((await client.call('session.acquire', { key: 'after' })).granted, true)
  t.strictSame(Object.keys(Object.prototype), [])
})

t.test('a body is never inflated, and deep JSON is refused as any other', async t => {
  const site = await startSite(t)
  const bomb = gzipSync(Buffer.alloc(30_000_000))
  t.ok(bomb.length < site.config.bounds.maxBodyBytes)
  for (const encoding of ['gzip', 'deflate', 'br']) {
    const response = await fetch(site.url + apiPaths.activations, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-encoding': encoding },
      body: bomb,
    })
    t.ok(response.status === 400 || response.status === 415, `${encoding}: ${response.status}`)
  }
  for (const [start, end] of [
    ['[', ']'],
    ['{"a":', '}'],
    ['{"__proto__":', '}'],
  ] as const) {
    const times = Math.floor(60_000 / (start.length + 1))
    const body = `{"request":${start.repeat(times)}1${end.repeat(times)},"installationKey":"a"}`
    t.match(await site.post(apiPaths.activations, body), { status: 400, body: { code: 'body-invalid' } })
  }
  t.strictSame(Object.keys(Object.prototype), [])
  t.equal((await site.get(apiPaths.revocationLists)).status, 200)
})

t.test('nothing of a request becomes a header of an answer', async t => {
  const site = await startSite(t)
  const injected = '%0d%0aset-cookie:%20stolen=1%0d%0a%0d%0a<script>'
  for (const path of [`/?${injected}`, `/${injected}`, `/revoked/${injected}`, `/v1/${injected}`]) {
    const { headers, text } = await site.get(path, {
      accept: 'text/html',
      'x-request-id': 'mine',
      host: 'evil.example',
    })
    t.equal(headers.get('set-cookie'), null, path)
    t.not(headers.get('x-request-id'), 'mine', 'its number is our own')
    t.notMatch(text, '<script>', path)
    t.notMatch(JSON.stringify([...headers]), /evil\.example|stolen/, path)
  }
  // Two requests in one, as a proxy would not see them: what is ambiguous is not read.
  for (const head of [
    'Content-Length: 5\r\nTransfer-Encoding: chunked',
    'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity',
    'Content-Length: 5\r\nContent-Length: 6',
  ]) {
    const connection = await RawConnection.open(site.url)
    connection.send(
      `POST /v1/activations HTTP/1.1\r\nHost: a\r\n${head}\r\n\r\n0\r\n\r\nGET /secret HTTP/1.1\r\nHost: a\r\n\r\n`,
    )
    await until('it is answered', () => connection.status > 0)
    t.equal(connection.status, 400, head)
    connection.socket.destroy()
  }
})

t.test('aliases of YAML do not multiply', async t => {
  let text = 'a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n'
  for (let n = 1; n < 12; n++)
    text += `a${n}: &a${n} [${Array(10)
      .fill(`*a${n - 1}`)
      .join(', ')}]\n`
  const before = performance.now()
  const { tree, problems } = readYaml(text, 'FILE')
  t.equal(tree, null)
  t.match(problems, [{ message: /the file is not usable YAML: Excessive alias count/ }])
  t.ok(performance.now() - before < 5000)
  const polluted = readYaml('__proto__: {polluted: true}\n', 'FILE').tree as object
  t.equal(({} as { polluted?: boolean }).polluted, undefined)
  t.ok(Object.hasOwn(polluted, '__proto__'), 'it is a key like any other, and unknown')
})

t.test('what is printed moves no cursor and turns no line around', async t => {
  const hostile =
    'a\u001b[2Jb\u001b]0;title\u0007c\u009b8md\u202egnp.exe\u2066\u200fe\rf\u0008\u001b[8mg\u001b[H'
  t.match(harmless(hostile), /^[\x20-\x7e]+$/)
  t.match(harmless(hostile), 'd\\u202egnp.exe')
  const ours = '\u001b[32mactive\u001b[39m, \u001b[1m3 of 10\u001b[22m\nÜmläut\t€'
  t.equal(harmless(ours), ours)
  t.equal(harmless(`\u001b[H\u001b[2J${ours}`), `\u001b[H\u001b[2J${ours}`, 'a screen of our own')
  const json = JSON.stringify({ name: hostile })
  t.strictSame(JSON.parse(harmless(json)), { name: hostile }, 'JSON stays the same JSON')
})
