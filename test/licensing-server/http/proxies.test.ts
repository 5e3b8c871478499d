import { networkInterfaces } from 'node:os'
import t from 'tap'
import { exchange, startSite } from './site.ts'

const elsewhere = Object.values(networkInterfaces())
  .flat()
  .find(address => address?.family === 'IPv4' && !address.internal)?.address

t.test('a server without TLS of its own serves its proxies and this machine alone', async t => {
  const site = await startSite(t, { listen: { host: '0.0.0.0', trustedProxies: ['198.51.100.7'] } })
  const { port } = new URL(site.url)
  t.equal((await exchange(`http://127.0.0.1:${port}/v1/revocation-lists`)).status, 200)
  if (elsewhere === undefined) return t.comment('this machine has no address but loopback')
  const past = await exchange(`http://${elsewhere}:${port}/v1/revocation-lists`)
  t.match(past, { status: 403, body: { code: 'proxy-required' } })
  const forged = await exchange(`http://${elsewhere}:${port}/`, {
    headers: { 'x-forwarded-for': '198.51.100.7' },
  })
  t.equal(forged.status, 403, 'a header proves nothing')
  t.equal((await exchange(`http://${elsewhere}:${port}/readyz`)).status, 200, 'probes come from anywhere')
  const through = await startSite(t, { listen: { host: '0.0.0.0', trustedProxies: [`${elsewhere}/32`] } })
  const reply = await exchange(`http://${elsewhere}:${new URL(through.url).port}/`, {
    headers: { 'x-forwarded-proto': 'https' },
  })
  t.equal(reply.status, 200)
  t.match(reply.headers.get('strict-transport-security'), /^max-age=\d+$/)
  return undefined
})
