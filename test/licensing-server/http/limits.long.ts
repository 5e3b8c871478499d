import t from 'tap'
import { apiPaths } from '../../../src/licensing-api/schemas.ts'
import { Limits } from '../../../src/licensing-server/http/limits.ts'
import { until } from '../../support/until.ts'
import { Machine } from '../vendor.ts'
import { answerOf, exchange, formOf, type Reply, type Site, startSite } from './site.ts'

const ample = { burst: 100_000, perHour: 100_000_000 }
const scarce = { burst: 3, perHour: 3600 }
const none = { burst: 1, perHour: 1 }

async function activate(
  site: Site,
  installationKey: string,
  headers: Record<string, string> = {},
): Promise<Reply> {
  const request = await new Machine().request({ sessions: 1 })
  return site.post(apiPaths.activations, { request, installationKey }, headers)
}

/** A key that is written as keys are, and that nobody has. */
async function strangeKeys(count: number): Promise<string[]> {
  const elsewhere = await startSite(t)
  const keys: string[] = []
  while (keys.length < count) keys.push((await elsewhere.vendor.pool(1)).key)
  return keys
}

t.test('one address may ask so often, says Retry-After, and gets in when it has waited', async t => {
  const site = await startSite(t, { limits: { perAddress: scarce } })
  const statuses: number[] = []
  for (let n = 0; n < 4; n++) statuses.push((await site.get(apiPaths.revocationLists)).status)
  t.strictSame(statuses, [200, 200, 200, 429])
  const refused = await site.get('/')
  t.equal(refused.status, 429, 'the page is under the same limits')
  t.equal(refused.headers.get('retry-after'), '1')
  t.match(refused.text, /Wait 1 second,/)
  t.match(await site.get(apiPaths.revocationLists), {
    body: { code: 'too-many-requests', type: 'urn:problem-type:sessiond:too-many-requests', status: 429 },
  })
  t.equal((await site.get('/readyz')).status, 200, 'probes are not counted')
  await until('it is let in again', async () => (await site.get(apiPaths.revocationLists)).status === 200)
  const lines = site.log.filter(line => line.includes('came too often'))
  t.ok(lines.length >= 1 && lines.length < 3, 'which does not fill the log')
})

t.test('one installation key may be used so often, by whomever', async t => {
  const site = await startSite(t, { limits: { perKey: none }, listen: { trustedProxies: ['127.0.0.1'] } })
  const { key } = await site.vendor.pool(100)
  const { key: other } = await site.vendor.pool(100)
  t.equal((await activate(site, key, { 'x-forwarded-for': '192.0.2.1' })).status, 200)
  const refused = await activate(site, key.toLowerCase().replaceAll('-', ''), {
    'x-forwarded-for': '192.0.2.2',
  })
  t.equal(refused.status, 429)
  t.equal(refused.headers.get('retry-after'), '3600')
  t.equal((await activate(site, other, { 'x-forwarded-for': '192.0.2.2' })).status, 200)
  const onPage = await exchange(site.url, {
    method: 'POST',
    body: formOf({ request: await new Machine().request(), installationKey: key, sessions: '1' }),
  })
  t.equal(onPage.status, 429, 'nor on the page')
})

t.test('one machine may reactivate so often', async t => {
  const site = await startSite(t, { limits: { perKey: { burst: 2, perHour: 1 } } })
  const { key } = await site.vendor.pool(100)
  const machines = [new Machine(), new Machine()]
  for (const machine of machines) {
    const request = await machine.request({ sessions: 1 })
    await machine.install(answerOf(await site.post(apiPaths.activations, { request, installationKey: key })))
  }
  const statuses = async (machine: Machine) => {
    const replies: number[] = []
    for (let n = 0; n < 3; n++) {
      const request = await machine.request({ earlierRequestIds: [] })
      const reply = await site.post(apiPaths.reactivations, { request })
      replies.push(reply.status)
      if (reply.status === 200) await machine.install(answerOf(reply))
    }
    return replies
  }
  t.strictSame(await statuses(machines[0]!), [200, 200, 429])
  t.strictSame(await statuses(machines[1]!), [200, 200, 429], 'each for itself')
})

t.test('guessing of keys is slowed and counted, and hurts nobody else', async t => {
  const site = await startSite(t, {
    limits: { perAddress: ample, perKey: ample, wrongKeys: { burst: 3, perHour: 1 } },
    listen: { trustedProxies: ['127.0.0.1'] },
  })
  const { key } = await site.vendor.pool(100)
  const guesser = { 'x-forwarded-for': '192.0.2.66' }
  const guesses = await strangeKeys(5)
  const codes: (string | undefined)[] = []
  for (const guess of guesses) codes.push((await activate(site, guess, guesser)).body.code)
  const unknown = 'installation-key-unknown'
  t.strictSame(codes, [unknown, unknown, unknown, 'too-many-wrong-keys', 'too-many-wrong-keys'])
  const right = await activate(site, key, guesser)
  t.equal(right.status, 429, 'from there even the right key is not looked at, so that nothing is learnt')
  t.ok(Number(right.headers.get('retry-after')) > 3000)
  t.equal((await activate(site, key, { 'x-forwarded-for': '192.0.2.1' })).status, 200, 'others go on')

  const machine = new Machine()
  const request = await machine.request({ sessions: 1 })
  const activated = await site.post(apiPaths.activations, { request, installationKey: key })
  await machine.install(answerOf(activated))
  const reactivation = await site.post(apiPaths.reactivations, { request: await machine.request() }, guesser)
  t.equal(reactivation.status, 200, 'machines behind that address reactivate')

  const metrics = (await exchange(`${site.operationsUrl}/metrics`)).text
  t.match(metrics, /^licensing_server_wrong_keys_total 3$/m)
  t.match(metrics, /^licensing_server_limited_requests_total\{limit="wrong-keys"\} 3$/m)
  t.match(metrics, /^licensing_server_refusals_total\{code="installation-key-unknown"\} 3$/m)
  const log = site.log.join('')
  t.match(log, /"address":"192\.0\.2\.66".*"problem":"installation-key-unknown"/)
  for (const secret of [key, ...guesses])
    t.notOk(log.includes(secret) || log.includes(secret.replaceAll('-', '')))
})

t.test('guesses that come all at once are not all looked at, and right keys are no guesses', async t => {
  const site = await startSite(t, {
    limits: { perAddress: ample, perKey: ample, wrongKeys: { burst: 3, perHour: 1 } },
    listen: { trustedProxies: ['127.0.0.1'] },
  })
  const { key } = await site.vendor.pool(100)
  const [guesser, owner] = ['192.0.2.66', '192.0.2.1'].map(address => ({ 'x-forwarded-for': address }))
  const request = await new Machine().request({ sessions: 1 })
  const keys = await strangeKeys(12)
  const guesses = await Promise.all(
    keys.map(installationKey => site.post(apiPaths.activations, { request, installationKey }, guesser)),
  )
  const codes = guesses.map(({ body }) => body.code)
  t.equal(codes.filter(code => code === 'installation-key-unknown').length, 3)
  t.equal(guesses.filter(({ status }) => status === 429).length, 9)
  t.equal((await activate(site, key, guesser)).body.code, 'too-many-wrong-keys')

  const right = await Promise.all(Array.from({ length: 12 }, () => activate(site, key, owner)))
  t.ok(right.some(({ status }) => status === 200))
  for (const { status, body, headers } of right.filter(({ status }) => status !== 200)) {
    t.match({ status, code: body.code }, { status: 429, code: 'too-many-requests' })
    t.equal(headers.get('retry-after'), '1', 'whoever shares the address is let in soon')
  }
  for (let n = 0; n < 4; n++) t.equal((await activate(site, key, owner)).status, 200, 'none was counted')
})

t.test('a key that is under way counts as wrong until it is settled', async t => {
  const limits = new Limits(
    { perAddress: ample, perKey: ample, wrongKeys: { burst: 3, perHour: 1 }, maxTracked: 100 },
    () => 0,
  )
  const ask = (key: string) => limits.admitKey('a', 'request', key)
  const underWay = ['k1', 'k2', 'k3'].map(ask)
  t.match(ask('k4'), { ok: false, limit: 'address', retryInMs: 1000 }, 'nobody knows yet what those are')
  t.match(limits.admitKey('b', 'request', 'k4'), { ok: true }, 'another address')
  t.match(ask(''), { ok: true }, 'a machine without a key')
  for (const [index, verdict] of underWay.entries()) if (verdict.ok) verdict.settle(index > 0)
  const right = ask('k4')
  t.equal(right.ok, true, 'the one that was right was given back')
  if (right.ok) right.settle(true)
  t.match(ask('k5'), { ok: false, limit: 'wrong-keys' })
})

t.test('one key has one count, however it is typed', async t => {
  const site = await startSite(t, { limits: { perKey: none } })
  const { key } = await site.vendor.pool(10)
  t.equal((await activate(site, key)).status, 200)
  for (const one of ['I', 'l']) {
    t.equal((await activate(site, one + key.slice(1))).body.code, 'too-many-requests', `1 typed as ${one}`)
  }
})

t.test('a mistyped key is no guess', async t => {
  const site = await startSite(t, { limits: { wrongKeys: none } })
  for (let n = 0; n < 3; n++) t.equal((await activate(site, '1ABCD')).body.code, 'installation-key-malformed')
})

t.test('what a proxy says of the sender is believed where it is trusted, and nowhere else', async t => {
  const trusting = await startSite(t, {
    limits: { perAddress: none },
    listen: { trustedProxies: ['127.0.0.0/8'] },
  })
  const from = (site: Site, address: string) =>
    site.get(apiPaths.revocationLists, { 'x-forwarded-for': address }).then(({ status }) => status)
  t.equal(await from(trusting, '192.0.2.1'), 200)
  t.equal(await from(trusting, '192.0.2.2'), 200)
  t.equal(await from(trusting, '192.0.2.2'), 429)
  t.equal(
    await from(trusting, 'evil, 192.0.2.1'),
    429,
    'what the client itself wrote before it does not count',
  )
  t.equal(await from(trusting, '2001:db8::1'), 200)
  t.equal(await from(trusting, '2001:db8::2'), 429, 'a customer has a whole /64')
  t.equal(await from(trusting, 'no address'), 200)
  t.equal(await from(trusting, 'nor this'), 429, 'what is no address shares one count')
  const careful = await startSite(t, { limits: { perAddress: none } })
  t.equal(await from(careful, '192.0.2.1'), 200)
  t.equal(await from(careful, '192.0.2.2'), 429)
})
