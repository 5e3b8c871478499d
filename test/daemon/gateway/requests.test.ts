import t, { type Test } from 'tap'
import { openAs, startHere } from '../../support/daemon.ts'
import { Site } from '../../support/site.ts'
import { until } from '../../support/until.ts'

async function start(t: Test, change: (site: Site) => void = () => undefined) {
  const site = new Site(t)
  change(site)
  await site.license({ maxSessions: 10, features: ['voice'] })
  const here = await startHere(t, site)
  return { ...here, site, inUse: async () => (await (await here.client()).call('status.get')).inUse }
}

function failure(code: number, word: string, id: number | string | null) {
  return { jsonrpc: '2.0', id, error: { code, data: { code: word } } }
}

t.test('a frame that is no request', async t => {
  const { client: open } = await start(t)
  const client = await open()
  const cases: [string, object][] = [
    ['', failure(-32700, 'parse-error', null)],
    ['{', failure(-32700, 'parse-error', null)],
    ['{"jsonrpc":"2.0","id":1,"method":"status.get"}}', failure(-32700, 'parse-error', null)],
    ['\u{feff}{}', failure(-32700, 'parse-error', null)],
    ['17', failure(-32600, 'invalid-request', null)],
    ['null', failure(-32600, 'invalid-request', null)],
    ['"hello"', failure(-32600, 'invalid-request', null)],
    ['[]', failure(-32600, 'batch-empty', null)],
    ['{}', failure(-32600, 'invalid-request', null)],
    ['{"jsonrpc":"2.0","id":null,"method":"status.get"}', failure(-32600, 'invalid-request', null)],
    ['{"jsonrpc":"2.0","id":1.5,"method":"status.get"}', failure(-32600, 'invalid-request', null)],
    [
      '{"jsonrpc":"2.0","id":9007199254740993,"method":"status.get"}',
      failure(-32600, 'invalid-request', null),
    ],
    ['{"jsonrpc":"2.0","id":{},"method":"status.get"}', failure(-32600, 'invalid-request', null)],
    [
      `{"jsonrpc":"2.0","id":"${'i'.repeat(65)}","method":"status.get"}`,
      failure(-32600, 'invalid-request', null),
    ],
    ['{"jsonrpc":"1.0","id":1,"method":"status.get"}', failure(-32600, 'invalid-request', 1)],
    ['{"id":1,"method":"status.get"}', failure(-32600, 'invalid-request', 1)],
    ['{"jsonrpc":"2.0","id":1,"method":7}', failure(-32600, 'invalid-request', 1)],
    ['{"jsonrpc":"2.0","id":1}', failure(-32600, 'invalid-request', 1)],
    ['{"jsonrpc":"2.0","id":1,"method":"session.grab"}', failure(-32601, 'method-not-found', 1)],
    ['{"jsonrpc":"2.0","id":1,"method":"__proto__"}', failure(-32601, 'method-not-found', 1)],
    ['{"jsonrpc":"2.0","id":1,"method":"toString"}', failure(-32601, 'method-not-found', 1)],
    ['{"jsonrpc":"2.0","id":1,"method":"status.get","params":[]}', failure(-32602, 'invalid-params', 1)],
    ['{"jsonrpc":"2.0","id":1,"method":"status.get","params":{"a":1}}', failure(-32602, 'invalid-params', 1)],
    ['{"jsonrpc":"2.0","id":1,"method":"session.acquire"}', failure(-32602, 'invalid-params', 1)],
    [
      '{"jsonrpc":"2.0","id":1,"method":"session.acquire","params":null}',
      failure(-32602, 'invalid-params', 1),
    ],
  ]
  for (const [text, expected] of cases) {
    client.send(text)
    t.match(await client.next(), expected, text)
  }
  t.equal((await client.call('status.get')).granted, 0, 'and the connection goes on')
})

t.test('an id is given back as it was', async t => {
  const { client: open } = await start(t)
  const client = await open()
  const ids = [0, -1, Number.MAX_SAFE_INTEGER, '', 'a "quoted" \\ id', 'ü\u{1f600}\n', 'i'.repeat(64)]
  for (const id of ids) {
    client.send(JSON.stringify({ jsonrpc: '2.0', id, method: 'session.acquire', params: { key: 'one' } }))
    const reply = await client.next()
    t.equal(reply.id, id)
    t.equal(reply.result.granted, true)
    client.send(JSON.stringify({ jsonrpc: '2.0', id, method: 'no.such', params: {} }))
    t.equal((await client.next()).id, id)
  }
})

t.test('parameters that are wrong are named, and nothing is done', async t => {
  const { client: open } = await start(t)
  const client = await open()
  const token = 'x'.repeat(513)
  const cases: [string, object, RegExp][] = [
    ['session.acquire', { key: '' }, /key/],
    ['session.acquire', { key: 'k'.repeat(129) }, /key/],
    ['session.acquire', { key: 'with space' }, /key/],
    ['session.acquire', { key: 'ümlaut' }, /key/],
    ['session.acquire', { key: 7 }, /key/],
    ['session.acquire', { key: 'a', application: '-ivr' }, /application/],
    ['session.acquire', { key: 'a', application: 'a'.repeat(64) }, /application/],
    ['session.acquire', { key: 'a', application: null }, /application/],
    ['session.acquire', { key: 'a', wait: 5 }, /wait/],
    ['session.release', {}, /token/],
    ['session.release', { token }, /token/],
    ['session.release', { token: [] }, /token/],
    ['session.resume', { tokens: 'all' }, /tokens/],
    ['session.resume', { tokens: [1] }, /tokens/],
    ['session.resume', { tokens: Array.from({ length: 8193 }, () => '0.0000000000000000') }, /tokens/],
    ['hello', { clientId: 'c'.repeat(65) }, /clientId/],
    ['hello', { clientSecret: 'c'.repeat(15) }, /clientSecret/],
    ['hello', { clientSecret: 'c'.repeat(129) }, /clientSecret/],
    ['hello', { process: { pid: 1 } }, /process/],
    ['hello', { process: { pid: 1, startTime: 1, name: 'x' } }, /name/],
    ['hello', { process: { pid: 0, startTime: 1 } }, /pid/],
    ['hello', { notifications: ['everything'] }, /notifications/],
    ['hello', { notifications: Array.from({ length: 9 }, () => 'limit') }, /notifications/],
  ]
  for (const [method, params, named] of cases) {
    const { error } = await client.ask(method, params)
    t.match(error, { code: -32602, data: { code: 'invalid-params' } }, JSON.stringify(params).slice(0, 60))
    t.match(error?.message, named)
  }
  t.match(await client.call('status.get'), { granted: 0, inUse: 0, clients: 0 })
  // The longest that is allowed.
  const application = 'a'.repeat(63)
  t.equal((await client.call('session.acquire', { key: 'k'.repeat(128), application })).granted, true)
  const tokens = Array.from({ length: 8192 }, () => '0.0000000000000000')
  t.equal((await client.call('session.resume', { tokens })).unknown.length, 8192)
})

t.test('a batch is answered in order, each request for itself', async t => {
  const { client: open } = await start(t)
  const client = await open()
  client.send(
    JSON.stringify([
      { jsonrpc: '2.0', id: 'a', method: 'session.acquire', params: { key: 'k1' } },
      17,
      { jsonrpc: '2.0', id: 'b', method: 'no.such' },
      { jsonrpc: '2.0', method: 'session.acquire', params: { key: 'k2' } },
      { jsonrpc: '2.0', id: 'c', method: 'session.acquire', params: {} },
      { jsonrpc: '2.0', method: 'no.such' },
      { jsonrpc: '2.0', method: 'session.release', params: { token: 7 } },
      { jsonrpc: '2.0', id: 'd', method: 'session.acquire', params: { key: 'k1' } },
      { jsonrpc: '2.0', id: 'e', method: 'status.get' },
    ]),
  )
  const replies = await client.next()
  t.strictSame(
    replies.map(({ id, error }) => [id, error?.data.code]),
    [
      ['a', undefined],
      [null, 'invalid-request'],
      ['b', 'method-not-found'],
      ['c', 'invalid-params'],
      ['d', undefined],
      ['e', undefined],
    ],
  )
  t.equal(replies[0]?.result.token, replies[4]?.result.token)
  t.match(replies[5]?.result, { inUse: 1, granted: 1 }, 'an acquire that nobody hears of is not carried out')

  // Nothing to answer: no frame at all, also not an empty one.
  const token = replies[0]?.result.token
  client.send(
    JSON.stringify([
      { jsonrpc: '2.0', method: 'session.release', params: { token } },
      { jsonrpc: '2.0', method: 'status.get' },
    ]),
    JSON.stringify({ jsonrpc: '2.0', method: 'session.release', params: { token } }),
    JSON.stringify({ jsonrpc: '2.0', method: 'hello' }),
    client.request('status.get'),
  )
  t.match((await client.next()).result, { inUse: 0, released: 1, clients: 1 })
  t.equal(client.waiting, 0)
})

t.test('a batch that is too long is refused whole', async t => {
  const { client: open } = await start(t, site => {
    site.config.bounds.maxBatchLength = 5
  })
  const client = await open()
  const acquire = (index: number) => ({ method: 'session.acquire', params: { key: `k${index}` } })
  const reply = (await client.batch([0, 1, 2, 3, 4, 5].map(acquire))) as unknown as object
  t.match(reply, failure(-32600, 'batch-too-long', null))
  t.match(await client.call('status.get'), { granted: 0 })
  t.equal((await client.batch([0, 1, 2, 3, 4].map(acquire))).length, 5)
  t.match(await client.call('hello').catch(error => error), { message: /hello-repeated/ })
})

t.test('hello', async t => {
  const { client: open, site } = await start(t)
  const client = await open()
  t.strictSame(Object.keys(await client.call('hello', { application: 'ivr' })), [
    'protocol',
    'version',
    'instanceId',
    'limit',
    'inUse',
    'resumable',
    'resumeWindowMs',
    'processWatched',
    'bounds',
  ])
  t.match(await client.ask('hello'), failure(-32002, 'hello-repeated', 2))
  await client.acquireAll(['a'])
  await client.acquireAll(['b'], 'voicemail')
  const late = await open()
  await late.acquireAll(['c'])
  t.match(await late.ask('hello'), failure(-32002, 'hello-repeated', 2), 'after another request')
  const { applications } = await client.call('status.get')
  t.strictSame(
    applications.map(({ name, inUse }: { name: string; inUse: number }) => `${name} ${inUse}`).sort(),
    ['default 1', 'ivr 1', 'voicemail 1'],
  )

  t.match(await late.ask('session.resume'), failure(-32003, 'client-secret-required', 3))
  const named = await openAs(t, site.socket, { clientId: 'only-a-label' })
  t.match(await named.ask('session.resume'), { error: { data: { code: 'client-secret-required' } } })
})

t.test('the secret makes the client, the id alone does not', async t => {
  const { site } = await start(t)
  const secret = { clientSecret: 'secret-of-client-a' }
  const one = await openAs(t, site.socket, { clientId: 'a', ...secret })
  const [token] = await one.acquireAll(['same-key'])
  for (const hello of [
    { clientId: 'a' },
    { clientId: 'b', ...secret },
    { clientId: 'a', clientSecret: 'another-secret-of-a' },
    secret,
  ]) {
    const other = await openAs(t, site.socket, hello)
    const result = await other.call('session.acquire', { key: 'same-key' })
    t.equal(result.granted, true)
    t.not(result.token, token, JSON.stringify(hello))
    t.equal(result.repeated, undefined)
  }
  t.match(await one.call('status.get'), { inUse: 5, connections: 5 })
})

t.test('limits of a client, of an application, and on the number of applications', async t => {
  const { client: open } = await start(t, ({ config }) => {
    config.sessions.maxPerClient = 3
    config.bounds.maxApplications = 3
    config.applications = {
      ivr: { max: 1, feature: null, maxDurationSeconds: null },
      video: { max: null, feature: 'video', maxDurationSeconds: null },
    }
  })
  const client = await open()
  const acquire = (key: string, application?: string) => client.ask('session.acquire', { key, application })
  t.match(await acquire('a', 'ivr'), { result: { granted: true, inUse: 1 } })
  t.strictSame((await acquire('b', 'ivr')).result, {
    granted: false,
    reason: 'application-limit-reached',
    inUse: 1,
    limit: 10,
  })
  t.match(await acquire('c', 'video'), { result: { granted: false, reason: 'feature-not-licensed' } })
  t.match(await acquire('d'), { result: { granted: true } })
  t.match(await acquire('e', 'fourth'), failure(-32004, 'too-many-applications', 5))
  t.match(await acquire('f'), { result: { granted: true } })
  t.match(await acquire('g'), { result: { granted: false, reason: 'client-limit-reached', inUse: 3 } })
  t.match(
    await acquire('a', 'ivr'),
    { result: { granted: true, repeated: true } },
    'what it holds, it may ask for',
  )
  const other = await open()
  t.match(await other.ask('hello', { application: 'fifth' }), failure(-32004, 'too-many-applications', 1))
  t.match(await other.ask('hello', { application: 'ivr' }), { result: { inUse: 3 } })
  t.match(await other.ask('session.acquire', { key: 'a' }), {
    result: { reason: 'application-limit-reached' },
  })
  t.strictSame((await client.call('status.get')).denied, {
    'application-limit-reached': 2,
    'feature-not-licensed': 1,
    'client-limit-reached': 1,
  })
})

t.test('license.get tells what the license says', async t => {
  const { client: open } = await start(t)
  const client = await open()
  t.match(await client.call('license.get'), {
    state: 'active',
    admits: true,
    limit: 10,
    hint: null,
    generation: 1,
    customer: 'Example Telecom',
    product: 'call-services',
    features: ['voice'],
    expiresAt: null,
    graceEndsAt: null,
    rejected: null,
  })
})

t.test('a session that is too old is ended, and its holder told where it asked', async t => {
  const { site, client: open } = await start(t, ({ config }) => {
    config.applications = { test: { max: null, feature: null, maxDurationSeconds: 1 } }
  })
  const asked = await openAs(t, site.socket, { application: 'test', notifications: ['session'] })
  const silent = await openAs(t, site.socket, { application: 'test' })
  const [token] = await asked.acquireAll(['forgotten'])
  await silent.acquireAll(['forgotten-too'])
  const other = await open()
  await other.acquireAll(['of-another-application'])
  const ended = await asked.next()
  t.strictSame(ended, {
    jsonrpc: '2.0',
    method: 'session.ended',
    params: { token, key: 'forgotten', cause: 'max-duration' },
  })
  // Begun a moment later, the other one may end a tick later.
  const status = await until('both have ended', async () => {
    const now = await silent.call('status.get')
    return now.released === 2 ? now : undefined
  })
  t.match(status, { inUse: 1, released: 2, leaked: 0 })
  t.equal(silent.waiting, 0)
  t.strictSame(await asked.call('session.release', { token }), { released: false })
})
