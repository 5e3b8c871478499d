import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import t from 'tap'
import { apiPaths } from '../../../src/licensing-api/schemas.ts'
import { Machine } from '../vendor.ts'
import { exchange, startSite } from './site.ts'

async function withHost(url: string, host: string): Promise<number> {
  const asked = request(url, { headers: { host } }).end()
  const [response] = await once(asked, 'response')
  response.resume()
  return response.statusCode
}

t.test('metrics are not served to the world', async t => {
  const site = await startSite(t)
  t.equal((await site.get('/metrics')).status, 404)
  t.equal((await exchange(`${site.operationsUrl}/metrics`)).status, 200)
  t.equal((await exchange(`${site.operationsUrl}/v1/revocation-lists`)).status, 404)
  for (const host of [
    'evil.example',
    'evil.example:80',
    '192.0.2.1',
    'localhost.evil.example',
    '::1]',
    '%',
  ]) {
    t.equal(
      await withHost(`${site.operationsUrl}/metrics`, host),
      403,
      `Host ${host}: a name that was rebound`,
    )
  }
  for (const host of ['localhost', 'LOCALHOST:9', '127.0.0.1:1', '[::1]:2', '[::1]']) {
    t.equal(await withHost(`${site.operationsUrl}/metrics`, host), 200, host)
  }
  const quiet = await startSite(t, { operations: { enabled: false } })
  t.equal(quiet.server.addresses.operations, null)
})

t.test('what is counted', async t => {
  const site = await startSite(t)
  const { key } = await site.vendor.pool(10)
  const machine = new Machine()
  const body = { request: await machine.request({ sessions: 1 }), installationKey: key }
  await site.post(apiPaths.activations, body)
  await site.post(apiPaths.activations, body)
  await site.post(apiPaths.activations, { ...body, request: await new Machine().request({ sessions: 99 }) })
  await site.get(`/no/such/${'place'.repeat(20)}`)
  const { text, headers } = await exchange(`${site.operationsUrl}/metrics`)
  t.match(headers.get('content-type'), /^text\/plain; version=0\.0\.4/)
  for (const line of [
    'licensing_server_info{version="0.0.0"} 1',
    'licensing_server_ready 1',
    'licensing_server_licenses_issued_total{repeated="false"} 1',
    'licensing_server_licenses_issued_total{repeated="true"} 1',
    'licensing_server_refusals_total{code="pool-exhausted"} 1',
    'licensing_server_http_requests_total{route="/v1/activations",method="POST",status="200"} 2',
    'licensing_server_http_requests_total{route="/v1/activations",method="POST",status="409"} 1',
    'licensing_server_http_requests_total{route="unmatched",method="GET",status="404"} 1',
    'licensing_server_http_request_duration_seconds_count{route="/v1/activations"} 3',
  ]) {
    t.ok(text.includes(`\n${line}\n`), line)
  }
  t.match(text, /^licensing_server_issuer_valid_until_timestamp_seconds 2\d{9}$/m)
  t.match(text, /^process_cpu_seconds_total /m)
  t.notMatch(text, /nodejs_active_\w+_total/)
  t.notMatch(text, /acme|placeplace/, 'no label has what others write in it')
})

t.test('docs/licensing-api.md names every metric and its labels', async t => {
  const site = await startSite(t)
  const { text } = await exchange(`${site.operationsUrl}/metrics`)
  const families = [...text.matchAll(/^# TYPE licensing_server_(\w+) /gm)].map(([, name]) => name)
  const manual = readFileSync(new URL('../../../docs/licensing-api.md', import.meta.url), 'utf8')
  const rows = [...manual.matchAll(/^\| `(\w+)` \| (?:`[a-z]+`[^|]*)?\| [a-z1]/gm)].map(([, name]) => name)
  t.strictSame(rows.sort(), families.sort())
})

t.test('scrapes that overlap get the format that each asked for', async t => {
  const site = await startSite(t)
  const accept = { accept: 'application/openmetrics-text; version=1.0.0' }
  const scrapes = await Promise.all(
    Array.from({ length: 10 }, (_, n) =>
      exchange(`${site.operationsUrl}/metrics`, n % 2 === 0 ? {} : { headers: accept }),
    ),
  )
  for (const [n, { headers, text }] of scrapes.entries()) {
    const open = n % 2 === 1
    t.equal(headers.get('content-type')?.startsWith('application/openmetrics-text'), open)
    t.equal(text.endsWith('# EOF\n'), open)
    t.match(text, /^licensing_server_confirmations_total 0$/m, 'a counter keeps its name in both')
  }
})

t.test('healthy is who answers, ready is who can sign', async t => {
  const site = await startSite(t)
  for (const url of [site.url, site.operationsUrl]) {
    t.strictSame((await exchange(`${url}/healthz`)).body, { status: 'ok' })
    const ready = await exchange(`${url}/readyz`)
    t.equal(ready.status, 200)
    t.match(ready.body, { ready: true, stopping: false, ledger: 'ok', issuer: 'ok' })
    t.match(ready.body['issuerValidUntil'], /^2\d{3}-\d{2}-\d{2}T/)
  }
  site.vendor.now = Date.parse('2099-01-01T00:00:00Z')
  const expired = await site.get('/readyz')
  t.equal(expired.status, 503)
  t.match(expired.body, { ready: false, ledger: 'ok', issuer: 'unavailable' })
  const { key } = await site.vendor.pool(10)
  const request = await new Machine().request({ sessions: 1 })
  const refused = await site.post(apiPaths.activations, { request, installationKey: key })
  t.match(refused, { status: 503, body: { code: 'issuer-unavailable' } })
  t.equal(refused.headers.get('retry-after'), '60')
  t.notMatch(refused.text, /authority|issuing\.pem|\//, 'which names no file')
  t.match(site.log.join(''), /"level":"error".*issuing-certificate-invalid|certificate.*cannot sign/)
  t.match((await exchange(`${site.operationsUrl}/metrics`)).text, /^licensing_server_ready 0$/m)
  t.equal((await site.get('/healthz')).status, 200)
})
