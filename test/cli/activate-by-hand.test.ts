import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { keySha256 } from '../../src/license/chain.ts'
import { verifyMachineRequest } from '../../src/license/machine-request.ts'
import { readIssuer, readRoot } from '../../src/licensing-server/authority-files.ts'
import { signRevocationList } from '../../src/licensing-server/revocation-list.ts'
import { startHere } from '../support/daemon.ts'
import { authorityFolder } from '../support/site.ts'
import { until } from '../support/until.ts'
import { startCustomer } from './customer-site.ts'

t.test('a seat by hand', async t => {
  const { vendor, site, ctl } = await startCustomer(t)
  const { key } = await vendor.pool(2, { product: 'studio' })
  const studio = ['--product', 'studio', '--product-version', '5.1']
  t.match(await ctl('activate', ...studio, '--request-file', 'r.jws'), { code: 0 })
  const request = readFileSync(join(site.folder, 'r.jws'), 'utf8')
  const answer = await vendor.service.submit(request, { installationKey: key })
  if (answer.kind !== 'license') throw new Error(answer.kind)
  writeFileSync(join(site.folder, 'l.jws'), answer.license)
  t.match(await ctl('license', 'install', 'l.jws'), { code: 3, stderr: /license-other-product/ })
  const installed = await ctl('license', 'install', 'l.jws', ...studio)
  t.match(installed, { code: 0, stderr: /studio-license\.jws: one seat for Acme Telephony/ })
  t.match(await ctl('license', 'install', 'r.jws', ...studio), { code: 3, stderr: /license-wrong-type/ })
  t.match(await ctl('reactivate', ...studio), { code: 0, stderr: /^Refreshed: one seat/ })
})

t.test('a revocation list by hand', async t => {
  const { site, ctl, vendor, keyFile } = await startCustomer(t)
  const { key } = await vendor.pool(10)
  t.match(await ctl('activate', '--key-file', keyFile(key), '--sessions', '5'), { code: 0 })
  const here = await startHere(t, site)
  const client = await here.client()
  const root = readRoot(authorityFolder)
  const issuer = readIssuer(authorityFolder, Date.now())
  const entry = {
    keySha256: keySha256(issuer.chain[0]),
    serialNumber: issuer.chain[0].serialNumber,
    revokedAt: '2026-11-24T12:00:00Z',
    reason: 'stolen',
  }
  const sign = (number: number, revoked: (typeof entry)[]) =>
    signRevocationList({ number, issuedAt: '2026-11-24T12:00:00Z', revoked }, root)
  writeFileSync(join(site.folder, 'old.jws'), await sign(1, []))
  writeFileSync(join(site.folder, 'new.jws'), await sign(2, [entry]))
  t.match(await ctl('license', 'revocations', 'new.jws'), { code: 0, stderr: /^Kept\./ })
  await until('the license is not believed any more', async () => {
    return (await client.call('license.get')).state === 'unlicensed'
  })
  t.match(await client.call('license.get'), { message: /revoked the issuing certificate/ })
  t.match(await ctl('license', 'revocations', 'new.jws'), { code: 0, stderr: /kept before/ })
  t.match(await ctl('license', 'revocations', 'old.jws'), {
    code: 0,
    stderr: /or a newer one, was kept before/,
  })
  t.match(await ctl('license', 'revocations', 'installation.key', '--json'), {
    code: 3,
    stdout: /revocation-list-unreadable/,
  })
})

t.test('the request by hand: the same until it is answered', async t => {
  const { vendor, site, ctl } = await startCustomer(t)
  const { key } = await vendor.pool(100)
  const read = async (name: string) => {
    const text = readFileSync(join(site.folder, name), 'utf8').trim()
    const verdict = await verifyMachineRequest(text, Date.now())
    if (!verdict.ok) throw new Error(verdict.problem.message)
    return { text, request: verdict.request }
  }
  const made = await ctl('activate', '--request-file', 'r.jws', '--sessions', '4', '--json')
  t.match(made, { code: 0, stderr: /The request of this machine is in .*r\.jws\.\nCarry it/ })
  const first = await read('r.jws')
  t.match(JSON.parse(made.stdout), {
    requestId: first.request.requestId,
    sessions: 4,
    product: 'call-services',
    generation: 0,
  })
  await ctl('activate', '--request-file', 'again.jws', '--sessions', '4')
  t.equal((await read('again.jws')).text, first.text)
  await ctl('activate', '--request-file', 'more.jws', '--sessions', '6')
  const more = await read('more.jws')
  t.strictSame(more.request.earlierRequestIds, [first.request.requestId])
  await ctl('activate', '--request-file', 'other.jws', '--sessions', '6', '--anew')
  const other = await read('other.jws')
  t.match(other.request, {
    sessions: 6,
    earlierRequestIds: [first.request.requestId, more.request.requestId],
  })
  await ctl('activate', '--request-file', 'again.jws', '--sessions', '6')
  t.equal((await read('again.jws')).text, other.text, 'now that one waits for its answer')

  const answer = await vendor.service.submit(more.text, { installationKey: key })
  if (answer.kind !== 'license') throw new Error(answer.kind)
  writeFileSync(join(site.folder, 'l.jws'), answer.license)
  t.match(await ctl('license', 'install', 'l.jws'), { code: 0 })
  await ctl('activate', '--request-file', 'next.jws')
  t.match((await read('next.jws')).request, { generation: 1, sessions: null, earlierRequestIds: [] })

  // Moved away: the file that is written next is the confirmation.
  await vendor.admin.startTransfer(answer.installationId)
  const last = await vendor.service.submit((await read('next.jws')).text)
  if (last.kind !== 'license') throw new Error(last.kind)
  writeFileSync(join(site.folder, 'd.jws'), last.license)
  t.match(await ctl('license', 'install', 'd.jws'), { code: 0 })
  const confirmation = await ctl('activate', '--request-file', 'c.jws')
  t.match(confirmation.stderr, /The confirmation that this machine is deactivated is in/)
  t.equal((await read('c.jws')).request.deactivationOf, last.licenseId)
  t.equal((await vendor.service.submit((await read('c.jws')).text)).kind, 'confirmed')
  await ctl('activate', '--request-file', 'anew.jws', '--anew')
  t.equal((await read('anew.jws')).request.deactivationOf, null)
  await ctl('activate', '--request-file', 'wish.jws', '--sessions', '2')
  t.equal((await read('wish.jws')).request.deactivationOf, null, 'who names a number wants a license')
})

t.test('of two files for two wishes the second may come late, and the machine is no suspect', async t => {
  const { vendor, site, ctl, keyFile } = await startCustomer(t)
  const { key, poolId } = await vendor.pool(100)
  t.match(await ctl('activate', '--key-file', keyFile(key), '--sessions', '10'), { code: 0 })
  t.match(await ctl('activate', '--request-file', 'one.jws', '--sessions', '20'), { code: 0 })
  t.match(await ctl('activate', '--request-file', 'two.jws', '--sessions', '30'), { code: 0 })
  const send = (name: string) => vendor.service.submit(readFileSync(join(site.folder, name), 'utf8').trim())
  const one = await send('one.jws')
  if (one.kind !== 'license') throw new Error(one.kind)
  writeFileSync(join(site.folder, 'l.jws'), one.license)
  t.match(await ctl('license', 'install', 'l.jws'), { code: 0 })
  t.match(await ctl('reactivate'), { code: 0, stderr: /20 sessions .*generation 3/ })
  t.match(await send('two.jws'), { kind: 'refused', refusal: { code: 'request-outdated' } })
  t.match(await ctl('reactivate'), { code: 0 })
  t.match(await send('two.jws'), { kind: 'refused', refusal: { code: 'request-outdated' } }, 'and later')
  t.equal(await vendor.claimed(poolId), 20)
  t.match(await vendor.store.installations(), [{ standing: 'good', units: 20 }])
  const events = await vendor.store.latestEvents(`installation/${one.installationId}`, 10)
  const naming = events.filter(({ body }) => body.includes('overtakenRequestIds'))
  t.equal(naming.length, 1, 'it is named once, and not in every reactivation from then on')
})

t.test('a file that is carried slower than the wire is refused, and the machine is no suspect', async t => {
  const { vendor, site, ctl, keyFile } = await startCustomer(t)
  const { key, poolId } = await vendor.pool(100)
  t.match(await ctl('activate', '--key-file', keyFile(key), '--sessions', '10'), { code: 0 })
  t.match(await ctl('activate', '--request-file', 'slow.jws', '--sessions', '20'), { code: 0 })
  t.match(await ctl('reactivate'), { code: 0 })
  const slow = await vendor.service.submit(readFileSync(join(site.folder, 'slow.jws'), 'utf8'))
  t.match(slow, { kind: 'refused', refusal: { code: 'request-outdated', hint: /--request-file/ } })
  t.equal(await vendor.claimed(poolId), 10)
  t.match(await ctl('reactivate', '--sessions', '20'), { code: 0, stderr: /20 sessions .*generation 3/ })
  t.match(await vendor.store.installations(), [{ standing: 'good', units: 20 }])
})
