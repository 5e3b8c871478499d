import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { apiPaths } from '../../../src/licensing-api/schemas.ts'
import { authorityPaths, readIssuer, renewIssuing } from '../../../src/licensing-server/authority-files.ts'
import { startLicensingServer } from '../../../src/licensing-server/server.ts'
import { createLogger } from '../../../src/log.ts'
import { authorityFolder } from '../../support/site.ts'
import { until } from '../../support/until.ts'
import { Machine } from '../vendor.ts'
import { RawConnection } from './raw.ts'
import { answerOf, configOf, exchange, type Settings, type Site, startSite } from './site.ts'

const quiet = createLogger({ level: 'silent' })

/** A copy of the vendor of the tests that can be changed. */
function authorityCopy(t: Test): string {
  const directory = join(temporaryFolder(t), 'authority')
  cpSync(authorityFolder, directory, { recursive: true })
  return directory
}

function temporaryFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'licensing-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function start(t: Test, settings: Settings): Promise<void> {
  const config = configOf(join(temporaryFolder(t), 'ledger.sqlite'), settings)
  const server = await startLicensingServer(config, quiet, { version: '0.0.0' })
  await server.stop('it should not have started')
}

t.test('what cannot be served stops the start, and says what helps', async t => {
  const nowhere = temporaryFolder(t)
  await t.rejects(start(t, { authority: { directory: nowhere } }), {
    code: 'issuing-certificate-invalid',
    hint: /licensing-server init/,
  })
  const directory = authorityCopy(t)
  rmSync(join(directory, authorityPaths.trustedRoot))
  await t.rejects(start(t, { authority: { directory } }), { code: 'authority-root-missing' })
  await t.rejects(start(t, { ledger: { location: join(nowhere, 'no', 'such', 'ledger.sqlite') } }), {
    code: 'ledger-unavailable',
  })
  const site = await startSite(t)
  const { port } = site.server.addresses.http
  await t.rejects(start(t, { listen: { port } }), { code: 'address-in-use', hint: /listen\.port/ })
  const operations = { port: site.server.addresses.operations?.port ?? 0 }
  await t.rejects(start(t, { operations }), { code: 'address-in-use', hint: /operations\.port/ })
  await t.rejects(start(t, { listen: { host: '192.0.2.1' } }), { code: 'address-not-usable' })
})

t.test('it stops in order: first it says so, then what runs ends, then the ledger closes', async t => {
  const site = await startSite(t, { shutdown: { drainMs: 1500, closeMs: 60_000 } })
  const { key } = await site.vendor.pool(100)
  const body = JSON.stringify({ request: await new Machine().request({ sessions: 1 }), installationKey: key })
  const slow = await RawConnection.open(site.url)
  slow.send(
    `POST /v1/activations HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`,
  )
  slow.send(body.slice(0, 10))
  const idle = await RawConnection.open(site.url)
  idle.send('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n')
  await until('the idle one was answered', () => idle.status === 200)

  const began = performance.now()
  const stopped = site.server.stop('a test')
  t.match(await site.get('/readyz'), { status: 503, body: { ready: false, stopping: true, ledger: 'ok' } })
  t.equal((await site.get(apiPaths.revocationLists)).status, 200, 'who comes meanwhile is still served')
  await idle.closed
  slow.send(body.slice(10))
  await slow.closed
  await stopped
  t.ok(performance.now() - began < 30_000, 'without waiting for those who have nothing more to say')
  t.equal(slow.status, 200, 'what had begun was finished')
  t.match(slow.received, /"units":1/)
  await t.rejects(site.get('/healthz'))
  t.equal(await site.server.stop('again'), undefined)
  t.match(site.log.at(-1), /"message":"licensing-server stopped"/)
})

t.test('whoever takes too long is cut off at the stop', async t => {
  const site = await startSite(t, { shutdown: { drainMs: 0, closeMs: 50 } })
  const slow = await RawConnection.open(site.url)
  slow.send(
    'POST /v1/activations HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{',
  )
  await until('it is known', async () => (await site.get('/healthz')).status === 200)
  const began = performance.now()
  await site.server.stop('a test')
  await slow.closed
  t.ok(performance.now() - began < 5000)
})

async function serialNumberOf(site: Site, key: string): Promise<string> {
  const request = await new Machine().request({ sessions: 1 })
  const answer = answerOf(await site.post(apiPaths.activations, { request, installationKey: key }))
  const header = JSON.parse(Buffer.from(answer.license.split('.')[0] ?? '', 'base64url').toString())
  const { X509Certificate } = await import('node:crypto')
  return new X509Certificate(Buffer.from(header.x5c[0], 'base64')).serialNumber
}

t.test(
  'a renewed issuing certificate is taken up, by itself or by a reload, and a bad one is not',
  async t => {
    const directory = authorityCopy(t)
    const site = await startSite(t, { authority: { directory } })
    const { key } = await site.vendor.pool(100)
    const first = readIssuer(directory, site.vendor.now).chain[0].serialNumber
    t.equal(await serialNumberOf(site, key), first)

    const second = (await renewIssuing(directory, { now: site.vendor.now })).chain[0].serialNumber
    t.not(second, first)
    t.equal(await serialNumberOf(site, key), first, 'the files are not read for each license')
    site.vendor.now += 5000
    t.equal(await serialNumberOf(site, key), second)
    t.match(site.log.join(''), /"message":"licenses are signed with another certificate from now on"/)

    const third = (await renewIssuing(directory, { now: site.vendor.now })).chain[0].serialNumber
    await site.server.reload({ ...site.config, log: { level: 'debug' } })
    t.equal(await serialNumberOf(site, key), third)

    rmSync(join(directory, authorityPaths.issuingKey))
    await site.server.reload(site.config)
    t.equal(await serialNumberOf(site, key), third, 'the one before stays')
    t.match(site.log.join(''), /the certificate that was renewed cannot be used/)
  },
)

t.test('a reload says what needs a restart', async t => {
  const site = await startSite(t)
  const config = structuredClone(site.config)
  config.listen.port = 1
  config.limits.perKey.burst = 7
  await site.server.reload(config)
  t.match(site.log.join(''), /"level":"warn".*"keys":\["listen","limits"\]/)
  config.log.level = 'error'
  await site.server.reload(config)
  const lines = site.log.length
  await site.get('/')
  t.equal(site.log.length, lines, 'the log is quieter at once')
})

t.test('while the ledger is away, the answer is to come again', async t => {
  const site = await startSite(t, { ledger: { timeoutMs: 200 } })
  const { key } = await site.vendor.pool(10)
  const request = await new Machine().request({ sessions: 1 })
  // Another program that holds the write lock of SQLite, longer than the server waits.
  const { default: Database } = await import('better-sqlite3')
  const other = new Database(site.config.ledger.location)
  other.exec('begin immediate')
  const refused = await site.post(apiPaths.activations, { request, installationKey: key })
  t.match(refused, { status: 503, body: { code: 'ledger-unavailable' } })
  t.equal(refused.headers.get('retry-after'), '5')
  t.notMatch(refused.text, /sqlite|database|locked/i)
  other.exec('rollback')
  other.close()
  t.equal((await site.post(apiPaths.activations, { request, installationKey: key })).status, 200)
  t.match(site.log.join(''), /"level":"error".*"code":"ledger-unavailable"/)
  t.equal((await exchange(`${site.url}/healthz`)).status, 200)
})
