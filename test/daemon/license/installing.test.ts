// How a license comes into force, and what a bad one does: nothing.
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import t, { type Test } from 'tap'
import type { License } from '../../../src/license/document.ts'
import { initAuthority } from '../../../src/licensing-server/authority-files.ts'
import type { LicenseTerms } from '../../../src/licensing-server/issue-license.ts'
import { openAs, startHere } from '../../support/daemon.ts'
import type { RawClient } from '../../support/raw-client.ts'
import { Site } from '../../support/site.ts'
import { until } from '../../support/until.ts'

const YEAR_MS = 365.25 * 86_400_000

async function start(t: Test, site = new Site(t)) {
  const here = await startHere(t, site)
  const client = await here.client()
  return { site, here, client }
}

/** Waits until the file that was laid down was refused for that reason. */
function rejectedFor(client: RawClient, code: string): Promise<{ message: string; hint: string }> {
  return until(`the new file is rejected: ${code}`, async () => {
    const { rejected } = await client.call('license.get')
    return rejected?.code === code ? rejected : null
  })
}

t.test(
  'without a license it runs, says what is missing, and takes one as soon as it is installed',
  async t => {
    const { site, here, client } = await start(t)
    t.match(await here.logged('sessiond starts.'), {
      license: 'unlicensed',
      limit: 0,
      message: /No license is installed/,
    })
    t.strictSame(await client.call('session.acquire', { key: 'a' }), {
      granted: false,
      reason: 'unlicensed',
      inUse: 0,
      limit: 0,
    })
    t.match(await client.call('license.get'), {
      state: 'unlicensed',
      admits: false,
      limit: 0,
      hint: /sessionctl activate/,
      licenseId: null,
      installationId: null,
      generation: null,
      customer: null,
      product: null,
      features: [],
      issuedAt: null,
      expiresAt: null,
      graceEndsAt: null,
      demonstration: false,
      rejected: null,
    })
    const wants = await openAs(t, site.socket, { notifications: ['limit', 'license'] })
    const text = await site.sign({ maxSessions: 7 })
    const installedAt = performance.now()
    site.install(text)
    const told = [await wants.next(), await wants.next()]
    t.ok(performance.now() - installedAt < 1000, 'within a second')
    t.match(told, [
      { method: 'limit.changed', params: { limit: 7, inUse: 0 } },
      { method: 'license.changed', params: { state: 'active', admits: true, message: /is active/ } },
    ])
    t.equal((await client.call('session.acquire', { key: 'a' })).granted, true)
    t.equal(client.waiting, 0, 'who did not ask is not told')
    t.match(await here.logged('A new license is in force.'), { generation: 1, limit: 7 })
  },
)

t.test('a smaller limit drops nothing; new sessions come only below it', async t => {
  const site = new Site(t)
  await site.license({ maxSessions: 8 })
  const { client } = await start(t, site)
  const wants = await openAs(t, site.socket, { notifications: ['limit'] })
  const tokens = await client.acquireAll(['1', '2', '3', '4', '5', '6'])
  await site.license({ maxSessions: 4 })
  t.match(await wants.next(), { method: 'limit.changed', params: { limit: 4, inUse: 6 } })
  const acquire = (key: string) => client.call('session.acquire', { key })
  for (const [index, inUse] of [6, 5, 4].entries()) {
    t.strictSame(await acquire('new'), { granted: false, reason: 'limit-reached', inUse, limit: 4 })
    t.match(await acquire('6'), { granted: true, repeated: true }, 'a live call stays')
    await client.call('session.release', { token: tokens[index] })
  }
  t.match(await acquire('new'), { granted: true, inUse: 4 })
  t.match(await acquire('one-more'), { granted: false, inUse: 4 })
  await site.license({ maxSessions: 9 })
  t.match(await wants.next(), { params: { limit: 9, inUse: 4 } })
  t.match(await acquire('one-more'), { granted: true, inUse: 5, limit: 9 })
})

/** Files that must not come into force where a good license of generation 2 is. */
async function badFiles(t: Test, site: Site): Promise<Record<string, string>> {
  const now = Date.now()
  const changed = (terms: Partial<LicenseTerms>, changes: Partial<License>) =>
    site.sign({ maxSessions: 99, ...terms }, { generation: 9, ...changes })
  const date = (offsetMs: number) => `${new Date(now + offsetMs).toISOString().slice(0, 19)}Z`
  const stranger = await initAuthority(join(t.testdir(), 'stranger'), {
    organization: 'Stranger',
    now: now - YEAR_MS,
    rootBits: 3072,
  })
  const good = await changed({}, {})
  const [header, payload, signature] = good.trim().split('.')
  const machineId = {
    scheme: 1,
    machineId: 'x'.repeat(43),
    productUuid: 'x'.repeat(43),
    macs: [],
    cpuModel: null,
  } as License['fingerprint']
  return {
    'license-not-parsable': 'not a license',
    'license-too-large': good.padEnd(70_000),
    'license-signature-invalid': `${header}.${Buffer.from(JSON.stringify({ ...decode(payload!), maxSessions: 9999 })).toString('base64url')}.${signature}`,
    'license-chain-untrusted': await site.sign({ maxSessions: 99 }, { generation: 9 }, stranger),
    'license-other-product': await changed({ product: 'studio', maxSessions: 0, seats: 1 }, {}),
    'license-other-version': await changed({ versions: { from: '6.0', to: '6.9' } }, {}),
    'license-other-machine': await changed({}, { fingerprint: machineId, demonstration: false }),
    'license-other-machine-key': await changed({}, { cnf: { jkt: 'x'.repeat(43) } }),
    'license-superseded': await changed({}, { generation: 1 }),
    'license-not-yet-valid': await changed({}, { notBefore: date(86_400_000) }),
    'license-expired': await changed(
      { graceDays: 1 },
      { issuedAt: date(-YEAR_MS), notBefore: date(-YEAR_MS), expiresAt: date(-2 * 86_400_000) },
    ),
  }
}

function decode(part: string): object {
  return JSON.parse(Buffer.from(part, 'base64url').toString())
}

t.test('no bad file replaces a good license, also not across a restart', async t => {
  const site = new Site(t)
  await site.license({ maxSessions: 5 })
  await site.license({ maxSessions: 6 })
  const running = await start(t, site)
  let { here, client } = running
  const wants = await openAs(t, site.socket, { notifications: ['limit', 'license'] })
  await client.acquireAll(['live'])
  const bad = await badFiles(t, site)
  const told = () => here.log.filter(({ message }) => message.startsWith('The license file was not taken'))
  for (const [code, text] of Object.entries(bad)) {
    site.install(text)
    const { message, hint } = await rejectedFor(client, code)
    await until(`it is told: ${code}`, () => told().at(-1)?.code === code)
    t.ok(message.length > 20 && hint.length > 10, message)
    t.match(
      await client.call('license.get'),
      { state: 'active', admits: true, limit: 6, generation: 2 },
      code,
    )
    t.equal((await client.call('session.acquire', { key: code })).granted, true)
    await client.call('session.release', {
      token: (await client.call('session.acquire', { key: code })).token,
    })
  }
  t.equal(wants.waiting, 0, 'nothing changed, so nobody is told')
  t.strictSame(
    told().map(({ code }) => code),
    Object.keys(bad),
    'each is told once',
  )
  t.notMatch(JSON.stringify(here.log), bad['license-expired']!.slice(0, 200), 'no license in the log')

  // Each of them is still there when the next daemon starts.
  for (const code of [
    'license-not-parsable',
    'license-superseded',
    'license-chain-untrusted',
    'license-other-machine',
  ]) {
    await here.stop()
    site.install(bad[code]!)
    here = await startHere(t, site)
    client = await here.client()
    t.match(await client.call('license.get'), {
      state: 'active',
      limit: 6,
      generation: 2,
      rejected: { code },
    })
    t.equal((await client.call('session.acquire', { key: code })).granted, true)
  }
  // A good one clears what was said of the bad one.
  await site.license({ maxSessions: 9 })
  await until('the good one is in force', async () => (await client.call('license.get')).limit === 9)
  t.equal((await client.call('license.get')).rejected, null)
})

t.test('an older generation stays ruled out after another installation was in force', async t => {
  const site = new Site(t)
  const older = await site.sign({ maxSessions: 9 })
  await site.license({ maxSessions: 2 })
  const here = await startHere(t, site)
  const client = await here.client()
  const installationId = '5e551000-0000-4000-8000-000000000002'
  site.install(await site.sign({ maxSessions: 4 }, { installationId }))
  await until('the other is in force', async () => (await client.call('license.get')).limit === 4)
  site.install(older)
  await rejectedFor(client, 'license-superseded')
  t.equal((await client.call('license.get')).limit, 4)
})

t.test('a file that is removed takes nothing away, also not across a restart', async t => {
  const site = new Site(t)
  await site.license({ maxSessions: 6 })
  const { here, client } = await start(t, site)
  rmSync(site.config.license.file)
  t.match(await client.call('license.get'), { state: 'active', limit: 6 })
  await here.stop()
  const next = await start(t, site)
  t.match(await next.client.call('license.get'), { state: 'active', limit: 6, rejected: null })
  t.equal((await next.client.call('session.acquire', { key: 'a' })).granted, true)
})

t.test('a file that cannot be read is told, and forgotten once it can', async t => {
  const site = new Site(t)
  const text = await site.license({ maxSessions: 6 })
  const { client } = await start(t, site)
  rmSync(site.config.license.file)
  mkdirSync(site.config.license.file)
  t.match(await rejectedFor(client, 'license-not-readable'), { message: /not a regular file/ })
  t.match(await client.call('license.get'), { state: 'active', limit: 6 })
  rmSync(site.config.license.file, { recursive: true })
  site.install(text)
  await until('nothing is rejected', async () => (await client.call('license.get')).rejected === null)
  t.match(await client.call('license.get'), { state: 'active', limit: 6 })
})

t.test('a license that grants nothing any more, and one that comes after it', async t => {
  const site = new Site(t)
  await site.license({ maxSessions: 6 })
  const { client } = await start(t, site)
  await client.acquireAll(['live'])
  await site.license({ maxSessions: 6, deactivated: true })
  await until('it is deactivated', async () => (await client.call('license.get')).state === 'deactivated')
  t.match(await client.call('session.acquire', { key: 'new' }), {
    granted: false,
    reason: 'license-deactivated',
    inUse: 1,
    limit: 0,
  })
  t.match(await client.call('session.acquire', { key: 'live' }), { granted: true, repeated: true })
  await site.license({ maxSessions: 6 })
  await until('it is active', async () => (await client.call('license.get')).state === 'active')
  t.match(await client.call('session.acquire', { key: 'new' }), { granted: true })
})

t.test('without trusted roots no license is believed; a reload after they came believes it', async t => {
  const site = new Site(t)
  await site.license({ maxSessions: 6 })
  const { trustDirectory } = site.config.license
  rmSync(trustDirectory, { recursive: true })
  const { here, client } = await start(t, site)
  t.match(await here.logged('No license can be believed.'), { level: 'error', hint: /root certificate/ })
  t.match(await client.call('license.get'), {
    state: 'unlicensed',
    rejected: { code: 'license-chain-untrusted' },
  })
  t.match(await client.call('session.acquire', { key: 'a' }), { reason: 'unlicensed' })
  site.trust()
  await here.daemon.reload(site.config)
  t.match(await client.call('license.get'), { state: 'active', limit: 6, rejected: null })
  t.equal((await client.call('session.acquire', { key: 'a' })).granted, true)

  // Roots that cannot be read any more leave those in force that were.
  rmSync(trustDirectory, { recursive: true })
  await here.daemon.reload(site.config)
  await here.logged('The trusted roots are left as they were')
  t.match(await client.call('license.get'), { state: 'active', limit: 6 })
  mkdirSync(trustDirectory)
  copyFileSync(
    join(import.meta.dirname, '../../license/fixtures/root.pem'),
    join(trustDirectory, 'other.pem'),
  )
  const another = await site.sign({ maxSessions: 3 })
  await here.daemon.reload(site.config)
  t.match(await client.call('license.get'), { state: 'unlicensed', message: /root that this machine trusts/ })
  t.match(await client.call('status.get'), { inUse: 1 }, 'the live call stays')
  site.install(another)
  await rejectedFor(client, 'license-chain-untrusted')
})

t.test('a license laid down at the very moment of a reload comes into force', async t => {
  const site = new Site(t)
  await site.license({ maxSessions: 2 })
  const { here, client } = await start(t, site)
  for (let limit = 3; limit < 13; limit++) {
    const text = await site.sign({ maxSessions: limit })
    site.install(text)
    await Promise.all([here.daemon.reload(site.config), here.daemon.reload(site.config)])
    t.equal((await client.call('license.get')).limit, limit)
  }
})

t.test('a license of the vendor is taken from whoever writes the file in place', async t => {
  const { site, client } = await start(t)
  const text = await site.sign({ maxSessions: 6 })
  // Not by rename, and in two pieces: the first is no license.
  writeFileSync(site.config.license.file, text.slice(0, 500))
  await rejectedFor(client, 'license-not-parsable')
  writeFileSync(site.config.license.file, text)
  await until('it is in force', async () => (await client.call('license.get')).limit === 6)
  t.equal((await client.call('license.get')).rejected, null)
})

t.test('when the state database cannot be written, the license waits and is taken later', async t => {
  const { site, here, client } = await start(t)
  const text = await site.sign({ maxSessions: 6 })
  const release = lock(site)
  site.install(text)
  await here.logged('could not be judged')
  t.match(await client.call('license.get'), { state: 'unlicensed' })
  release()
  // The file is the same, but somebody touched it.
  site.install(text)
  await until('it is in force', async () => (await client.call('license.get')).limit === 6)
  t.match(await client.call('license.get'), { state: 'active', limit: 6 })
})

/** Holds the write lock of the state database, as another process may. */
function lock(site: Site): () => void {
  const db = new Database(site.stateFile)
  db.exec('BEGIN IMMEDIATE')
  return () => {
    db.exec('ROLLBACK')
    db.close()
  }
}
