import t, { type Test } from 'tap'
import {
  connectLicensingServer,
  type LicensingServer,
} from '../../../src/daemon/reactivation/licensing-server.ts'
import { Front } from './front.ts'
import { signal, World } from './rig.ts'

async function stranger(t: Test): Promise<{ front: Front; server: LicensingServer }> {
  const front = await Front.start(t, 'http://127.0.0.1:9')
  const settings = { url: `${front.url}/`, caFile: null, timeoutMs: 5000, environment: {} }
  return { front, server: connectLicensingServer(() => settings) }
}

t.test('refusals come in the words of the server', async t => {
  const world = await World.create(t)
  const { server, exchange } = await world.open()
  const { text } = await exchange.request({ sessions: 5, anew: false })
  t.match(await server.activate(text, 'nonsense', signal), {
    kind: 'refused',
    refusal: {
      code: 'installation-key-malformed',
      hint: /Type the installation key again/,
      representative: null,
    },
  })
  t.match(await server.reactivate(text, signal), {
    kind: 'refused',
    refusal: { code: 'installation-unknown' },
  })
  t.match(await server.reactivate('x', signal), {
    kind: 'refused',
    refusal: { code: 'request-not-parsable' },
  })
  t.match(await server.confirmDeactivation(text, signal), {
    kind: 'refused',
    refusal: { code: 'request-kind-mismatch' },
  })
})

t.test('a slash at the end of the address does no harm', async t => {
  const { front, server } = await stranger(t)
  front.weather = { status: 500 }
  await server.reactivate('x', signal)
  t.equal(front.seen[0]?.path, '/v1/reactivations')
})

t.test('busy, limited or broken: the same request may be sent again, when the server says', async t => {
  const { front, server } = await stranger(t)
  const problem = (status: number, code: string) => ({
    status,
    headers: { 'content-type': 'application/problem+json', 'retry-after': '90' },
    body: JSON.stringify({
      type: `urn:problem-type:sessiond:${code}`,
      code,
      title: 'T',
      status,
      detail: 'What happened.',
      hint: 'What helps.',
      requestId: 'r-1',
    }),
  })
  for (const [status, code] of [
    [503, 'server-busy'],
    [503, 'ledger-unavailable'],
    [429, 'too-many-requests'],
    [500, 'internal-error'],
    [408, 'request-timeout'],
  ] as const) {
    front.weather = problem(status, code)
    const expected = {
      kind: 'unavailable',
      code,
      message: 'What happened.',
      hint: 'What helps.',
      retryAfterMs: 90_000,
    }
    t.strictSame(await server.reactivate('x', signal), expected)
    t.strictSame(await server.confirmDeactivation('x', signal), expected)
  }
  front.weather = problem(409, 'clone-suspected')
  t.match(await server.reactivate('x', signal), { kind: 'refused', refusal: { code: 'clone-suspected' } })
})

t.test('what no licensing server says is no answer', async t => {
  const { front, server } = await stranger(t)
  const json = { 'content-type': 'application/json' }
  for (const weather of [
    { status: 200, headers: json, body: '{}' },
    { status: 200, headers: json, body: '{"license":' },
    { status: 200, headers: { 'content-type': 'text/html' }, body: '<h1>Welcome</h1>' },
    { status: 404, headers: { 'content-type': 'text/html' }, body: '<h1>Not found</h1>' },
    { status: 403, headers: json, body: '{"code":"blocked"}' },
    { status: 403, headers: { 'content-type': 'application/problem+json' }, body: '{"code":"blocked"}' },
    { status: 302, headers: { location: 'https://login.example/' } },
    { status: 502, headers: { 'retry-after': '5' }, body: 'Bad gateway' },
  ]) {
    front.weather = weather
    const answer = await server.reactivate('x', signal)
    t.match(answer, {
      kind: 'unavailable',
      code: 'licensing-server-unreachable',
      message: `HTTP status ${weather.status}`,
      hint: /licensingServer.url/,
    })
    t.equal('retryAfterMs' in answer && answer.retryAfterMs, weather.status === 502 ? 5000 : 0)
  }
  front.weather = 'down'
  t.match(await server.activate('x', 'k', signal), {
    kind: 'unavailable',
    code: 'licensing-server-unreachable',
  })
})

t.test('a server that says more than is known is understood', async t => {
  const world = await World.create(t)
  const { key } = await world.site.vendor.pool(10)
  const { server, exchange } = await world.open()
  const { text } = await exchange.request({ sessions: 5, anew: false })
  const answer = await server.activate(text, key, signal)
  if (answer.kind !== 'license') throw new Error(answer.kind)
  world.front.weather = {
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...answer.reply, newIn2030: true }),
  }
  t.match(await server.activate(text, key, signal), { kind: 'license', reply: { units: 5 } })
})
