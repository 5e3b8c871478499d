import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readTrust } from '../../../src/daemon/license/trust.ts'
import { authorityPaths, initAuthority, renewIssuing } from '../../../src/licensing-server/authority-files.ts'
import { revokeCertificate } from '../../../src/licensing-server/revocation-list.ts'
import { startHere } from '../../support/daemon.ts'
import { Site } from '../../support/site.ts'
import { until } from '../../support/until.ts'

const YEAR_MS = 365.25 * 86_400_000

/** A vendor of this test alone, whose issuing certificate may be revoked. */
async function newVendor(t: Test) {
  const folder = t.testdir()
  const now = Date.now()
  const issuer = await initAuthority(folder, { organization: 'Vendor', now: now - YEAR_MS, rootBits: 3072 })
  const trustDirectory = join(folder, 'trust')
  const revocationFile = join(folder, authorityPaths.revocationList)
  return { folder, issuer, trustDirectory, revocationFile, now }
}

t.test('roots and lists that cannot be used', async t => {
  const { folder, issuer, trustDirectory, revocationFile, now } = await newVendor(t)
  const read = (sources: { trustDirectory?: string; revocationFile?: string | null }) =>
    readTrust({ trustDirectory, revocationFile: null, ...sources })
  t.equal((await read({})).trustedRoots.length, 1)
  await t.rejects(read({ trustDirectory: join(folder, 'none') }), {
    code: 'trust-empty',
    hint: /install -D -m 644 root\.pem/,
  })
  writeFileSync(join(folder, 'file'), 'no folder')
  await t.rejects(read({ trustDirectory: join(folder, 'file') }), {
    code: 'trust-not-readable',
    hint: /chmod/,
  })
  const bare = join(folder, 'bare')
  mkdirSync(bare)
  writeFileSync(join(bare, 'README'), 'no root here')
  await t.rejects(read({ trustDirectory: bare }), { code: 'trust-empty' })
  writeFileSync(join(bare, 'bad.pem'), 'no certificate')
  await t.rejects(read({ trustDirectory: bare }), { code: 'trust-root-invalid' })
  writeFileSync(join(bare, 'bad.pem'), issuer.chain[0].toString())
  await t.rejects(
    read({ trustDirectory: bare }),
    { code: 'trust-root-invalid' },
    'an issuing certificate is no root',
  )

  await t.rejects(read({ revocationFile }), { code: 'revocation-list-not-readable', hint: /revocationFile/ })
  writeFileSync(revocationFile, 'no list')
  await t.rejects(read({ revocationFile }), {
    code: /^revocation-list-/,
    message: new RegExp(revocationFile),
  })
  rmSync(revocationFile)
  await revokeCertificate(folder, issuer.chain[0].toString(), { reason: 'test', now })
  t.equal((await read({ revocationFile })).revoked.size, 1)
  const site = new Site(t)
  const stranger = read({ trustDirectory: site.config.license.trustDirectory, revocationFile })
  await t.rejects(stranger, { code: /^revocation-list-/ }, 'only a trusted root may revoke')
})

t.test(
  'a revoked issuing certificate: nothing new is granted, no call is dropped, a fresh license cures it',
  async t => {
    const { folder, issuer, trustDirectory, revocationFile, now } = await newVendor(t)
    const site = new Site(t)
    site.config.license.trustDirectory = trustDirectory
    site.install(await site.sign({ maxSessions: 5 }, {}, issuer))
    const here = await startHere(t, site)
    const client = await here.client()
    await client.acquireAll(['live'])
    await revokeCertificate(folder, readFileSync(join(folder, authorityPaths.issuingCertificate), 'utf8'), {
      reason: 'stolen',
      now,
    })
    t.ok(existsSync(revocationFile))
    const next = structuredClone(site.config)
    next.license.revocationFile = revocationFile
    await here.daemon.reload(next)
    t.match(await client.call('license.get'), {
      state: 'unlicensed',
      admits: false,
      message: /revoked the issuing certificate/,
    })
    t.strictSame(await client.call('session.acquire', { key: 'new' }), {
      granted: false,
      reason: 'unlicensed',
      inUse: 1,
      limit: 0,
    })
    t.match(await client.call('session.acquire', { key: 'live' }), { granted: true, repeated: true })

    // A list that is damaged afterwards does not bring the revoked certificate back.
    writeFileSync(revocationFile, 'damaged')
    await here.daemon.reload(next)
    t.equal((await client.call('license.get')).state, 'unlicensed')

    rmSync(revocationFile)
    await revokeCertificate(folder, issuer.chain[0].toString(), { reason: 'stolen', now })
    const renewed = await renewIssuing(folder, { now: now - 1000 })
    site.install(await site.sign({ maxSessions: 6 }, {}, renewed))
    await until('the fresh license is in force', async () => (await client.call('license.get')).limit === 6)
    t.match(await client.call('session.acquire', { key: 'new' }), { granted: true, inUse: 2 })
  },
)
