import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Outcome } from '../../../src/daemon/reactivation/exchange.ts'
import { apiPaths } from '../../../src/licensing-api/schemas.ts'
import { publishRevocationList } from '../../licensing-server/http/site.ts'
import { nothing, type OpenMachine, World, wanting } from './rig.ts'

const day = 86_400_000

function codeOf(outcome: Outcome): string {
  if (outcome.kind === 'refused') return outcome.refusal.code
  return outcome.kind === 'unreachable' || outcome.kind === 'failed' ? outcome.code : outcome.kind
}

async function activated(world: World, key: string, sessions: number): Promise<OpenMachine> {
  const machine = await world.open()
  const outcome = await machine.exchange.activate(machine.server, key, wanting(sessions))
  if (outcome.kind !== 'refreshed') throw new Error(codeOf(outcome))
  return machine
}

t.test('an activation puts a license in force and lays it down as the file', async t => {
  const world = await World.create(t)
  const { key, poolId } = await world.site.vendor.pool(100)
  const { keeper, site, book } = await activated(world, key, 40)
  t.match(keeper.license, { maxSessions: 40, generation: 1, customer: { name: 'Acme Telephony' } })
  t.equal(keeper.lifecycle.state, 'active')
  t.equal(await world.site.vendor.claimed(poolId), 40)
  t.match(book.read(), { last: { kind: 'refreshed', code: null }, past: { failures: 0, refused: false } })

  // Whoever opens the machine next finds it so, with the file or without.
  const text = readFileSync(site.config.license.file, 'utf8')
  t.match(text, /^[\w-]+\.[\w-]+\.[\w-]+\n$/)
  rmSync(site.config.license.file)
  t.match((await world.open(site)).keeper.license, { maxSessions: 40 })
})

t.test('a reactivation brings the latest terms and claims nothing', async t => {
  const world = await World.create(t)
  const { key, poolId } = await world.site.vendor.pool(100)
  const { exchange, server, keeper } = await activated(world, key, 40)
  await world.site.vendor.admin.changeTerms(poolId, { expiresAt: '2027-12-31T23:59:59Z', features: ['fax'] })
  world.pass(day)
  t.match(await exchange.reactivate(server, nothing), { kind: 'refreshed' })
  t.match(keeper.license, {
    expiresAt: '2027-12-31T23:59:59Z',
    features: ['fax'],
    generation: 2,
    maxSessions: 40,
  })
  t.equal(await world.site.vendor.claimed(poolId), 40)
})

t.test(
  'the same terms again are a license of its own: its date of issue tells when the server was heard of',
  async t => {
    const world = await World.create(t)
    const { key } = await world.site.vendor.pool(100, {
      terms: { reactivation: { intervalHours: 24, requiredWithinDays: 10 } },
    })
    const { exchange, server, keeper } = await activated(world, key, 40)
    const due = keeper.lifecycle.reactivationDueAt
    world.pass(9 * day)
    t.match(await exchange.reactivate(server, nothing), { kind: 'refreshed' })
    t.equal(keeper.lifecycle.reactivationDueAt! - due!, 9 * day)
  },
)

t.test(
  'raising takes the difference; what the pool lacks is refused by name, and changes nothing',
  async t => {
    const world = await World.create(t)
    const { key, poolId } = await world.site.vendor.pool(100)
    const { exchange, server, keeper, book } = await activated(world, key, 40)
    t.match(await exchange.reactivate(server, wanting(60)), { kind: 'refreshed' })
    t.match(keeper.license, { maxSessions: 60 })
    t.equal(await world.site.vendor.claimed(poolId), 60)

    const refused = await exchange.reactivate(server, wanting(110))
    t.match(refused, {
      kind: 'refused',
      refusal: {
        code: 'pool-exhausted',
        message: 'The pool of 100 sessions has 40 sessions left; 50 are needed.',
        hint: /Ada Lovelace/,
        representative: { name: 'Ada Lovelace' },
      },
    })
    t.match(keeper.license, { maxSessions: 60, generation: 2 })
    t.match(book.read(), {
      last: { kind: 'refused', code: 'pool-exhausted' },
      past: { refused: true, failures: 0 },
    })

    await world.site.vendor.admin.addUnits(poolId, 10)
    t.match(
      await exchange.reactivate(server, wanting(110)),
      { kind: 'refreshed' },
      'a new request, which is answered anew',
    )
    t.match(keeper.license, { maxSessions: 110 })
  },
)

t.test('a machine without a license has nothing to refresh', async t => {
  const world = await World.create(t)
  const { exchange, server } = await world.open()
  t.match(await exchange.reactivate(server, nothing), {
    kind: 'failed',
    code: 'not-activated',
    hint: /sessionctl activate/,
  })
  t.strictSame(world.front.seen, [])
})

t.test('a license that cannot be believed any more is enough to ask for another', async t => {
  const world = await World.create(t)
  const { vendor } = world.site
  const { key, poolId } = await vendor.pool(100, { terms: { versions: { from: '5.0', to: '5.x' } } })
  const before = await activated(world, key, 40)
  const { installationId } = before.keeper.license!
  before.close()
  before.site.config.product.version = '6.0'
  const upgraded = await world.open(before.site)
  t.equal(upgraded.keeper.license, null)
  t.match(upgraded.keeper.identity, { installationId, generation: 1 })
  t.match(await upgraded.exchange.reactivate(upgraded.server, nothing), {
    kind: 'refused',
    refusal: { code: 'version-not-covered' },
  })
  await vendor.admin.changeTerms(poolId, { versions: { from: '5.0', to: '6.x' } })
  t.match(await upgraded.exchange.reactivate(upgraded.server, nothing), {
    kind: 'refreshed',
    license: { installationId, generation: 2, maxSessions: 40 },
  })
  t.equal(await vendor.claimed(poolId), 40)
  const [installation] = await vendor.store.installations({ poolId })
  t.match(installation, { standing: 'good' })
})

t.test('a lost reply: the very same request is sent again, and nothing is claimed twice', async t => {
  const world = await World.create(t)
  const { vendor } = world.site
  const { key, poolId } = await vendor.pool(100)
  const machine = await world.open()
  world.front.weather = 'reply-lost'
  for (const failures of [1, 2]) {
    t.match(await machine.exchange.activate(machine.server, key, wanting(40)), { kind: 'unreachable' })
    t.match(machine.book.read(), { past: { failures } })
  }
  t.equal(machine.keeper.license, null)
  world.front.weather = 'fair'
  t.match(await machine.exchange.activate(machine.server, key, wanting(40)), { kind: 'refreshed' })
  const requests = world.front.requests(apiPaths.activations)
  t.equal(requests.length, 3)
  t.equal(new Set(requests).size, 1)
  t.equal(await vendor.claimed(poolId), 40)
  t.match(machine.book.read(), { past: { failures: 0 } })
})

t.test('a license that was repeated is followed by one with the terms of today', async t => {
  const world = await World.create(t)
  const { vendor } = world.site
  const { key, poolId } = await vendor.pool(100)
  const { exchange, server, keeper } = await activated(world, key, 40)
  world.front.weather = 'reply-lost'
  await exchange.reactivate(server, nothing)
  world.front.weather = 'fair'
  world.pass(3 * day)
  await vendor.admin.changeTerms(poolId, { features: ['fax'] })
  t.match(await exchange.reactivate(server, nothing), { kind: 'refreshed' })
  t.match(keeper.license, { features: ['fax'], generation: 3 })
})

t.test('a lost reply is no second copy of the machine, whatever is asked next', async t => {
  const world = await World.create(t)
  const { vendor } = world.site
  const { key, poolId } = await vendor.pool(100)
  const { exchange, server, keeper } = await activated(world, key, 40)
  world.front.weather = 'reply-lost'
  await exchange.reactivate(server, nothing)
  await exchange.reactivate(server, wanting(50))
  world.front.weather = 'fair'
  t.match(await exchange.reactivate(server, nothing), { kind: 'refreshed' })
  t.match(keeper.license, { maxSessions: 50, generation: 4 })
  t.match(await exchange.reactivate(server, wanting(60)), { kind: 'refreshed' })
  t.equal(await vendor.claimed(poolId), 60)
  const installation = await vendor.store.situation(keeper.license!.installationId)
  t.equal(installation?.installation.standing, 'good')
})

t.test('a request survives the process that made it', async t => {
  const world = await World.create(t)
  const { key } = await world.site.vendor.pool(100)
  const first = await world.open()
  world.front.weather = 'reply-lost'
  await first.exchange.activate(first.server, key, wanting(40))
  first.close()
  world.front.weather = 'fair'
  const second = await world.open(first.site)
  t.match(await second.exchange.activate(second.server, key, wanting(40)), { kind: 'refreshed' })
  t.equal(new Set(world.front.requests(apiPaths.activations)).size, 1)
})

t.test('a late answer does not overwrite a newer license', async t => {
  const world = await World.create(t)
  const { key } = await world.site.vendor.pool(100)
  const slow = await activated(world, key, 40)
  world.front.hold()
  const late = slow.exchange.reactivate(slow.server, nothing)
  while (world.front.seen.length < 2) await new Promise(resolve => setImmediate(resolve))
  // Meanwhile sessionctl, in a process of its own, refreshes twice: it sends the pending request, then anew.
  world.front.weather = 'fair'
  const quick = await world.open(slow.site)
  t.match(await quick.exchange.reactivate(quick.server, wanting(45)), { kind: 'refreshed' })
  const newest = quick.keeper.license!
  t.ok(newest.generation >= 3)
  world.front.release()
  t.match(await late, { kind: 'refreshed', license: { licenseId: newest.licenseId } })
  t.equal(slow.keeper.license?.licenseId, newest.licenseId)
  const { keeper } = await world.open(slow.site)
  t.equal(keeper.license?.licenseId, newest.licenseId, 'neither in the file nor in the archive')
})

t.test('a late answer does not overwrite the license of another installation', async t => {
  const world = await World.create(t)
  const { key } = await world.site.vendor.pool(100)
  const machine = await activated(world, key, 40)
  world.front.hold()
  const late = machine.exchange.reactivate(machine.server, nothing)
  while (world.front.seen.length < 2) await new Promise(resolve => setImmediate(resolve))
  const byHand = await machine.site.sign(
    { maxSessions: 7 },
    { fingerprint: machine.keeper.license!.fingerprint },
  )
  machine.site.install(byHand)
  world.front.release()
  t.match(await late, { kind: 'refreshed', license: { maxSessions: 7 } })
  t.equal(readFileSync(machine.site.config.license.file, 'utf8'), byHand)
})

t.test(
  'a transfer: the license that grants nothing is installed, then confirmed, then the claim moves',
  async t => {
    const world = await World.create(t)
    const { vendor } = world.site
    const { key, poolId } = await vendor.pool(100)
    const old = await activated(world, key, 40)
    const { installationId } = old.keeper.license!
    const { text: transferKey } = await vendor.admin.startTransfer(installationId)
    const next = await world.open()
    t.equal(codeOf(await next.exchange.activate(next.server, transferKey, nothing)), 'transfer-unconfirmed')

    const outcome = await old.exchange.reactivate(old.server, nothing)
    t.match(outcome, { kind: 'deactivated', license: { deactivated: true } })
    t.equal(old.keeper.lifecycle.state, 'deactivated')
    t.equal(old.book.read().confirmedLicenseId, old.keeper.license!.licenseId)

    t.match(await next.exchange.activate(next.server, transferKey, nothing), { kind: 'refreshed' })
    t.match(next.keeper.license, { maxSessions: 40 })
    t.equal(await vendor.claimed(poolId), 40)
    t.match(
      await old.exchange.reactivate(old.server, nothing),
      { kind: 'deactivated' },
      'it is told so again',
    )
    // And it can become another installation, with a key.
    t.match(await old.exchange.activate(old.server, key, wanting(10)), { kind: 'refreshed' })
    t.match(old.keeper.license, { maxSessions: 10, generation: 1, deactivated: false })
    t.not(old.keeper.license?.installationId, installationId)
  },
)

t.test('a confirmation whose reply was lost is sent again as it is', async t => {
  const world = await World.create(t)
  const { vendor } = world.site
  const { key } = await vendor.pool(100)
  const old = await activated(world, key, 40)
  await vendor.admin.startTransfer(old.keeper.license!.installationId)
  world.front.hold()
  const first = old.exchange.reactivate(old.server, nothing)
  while (world.front.seen.length < 2) await new Promise(resolve => setImmediate(resolve))
  world.front.weather = 'reply-lost'
  world.front.release()
  t.match(await first, { kind: 'unreachable' })
  t.equal(old.keeper.lifecycle.state, 'deactivated', 'it is in force before it is confirmed')
  t.equal(old.book.read().confirmedLicenseId, null)
  world.front.weather = 'fair'
  t.match(await old.exchange.reactivate(old.server, nothing), { kind: 'deactivated' })
  const confirmations = world.front.requests(apiPaths.deactivationConfirmations)
  t.equal(confirmations.length, 2)
  t.equal(new Set(confirmations).size, 1)
})

t.test('a transfer that was called off: the machine gets its license back', async t => {
  const world = await World.create(t)
  const { vendor } = world.site
  const { key } = await vendor.pool(100)
  const { exchange, server, keeper } = await activated(world, key, 40)
  const { transfer } = await vendor.admin.startTransfer(keeper.license!.installationId)
  world.front.hold()
  const first = exchange.reactivate(server, nothing)
  while (world.front.seen.length < 2) await new Promise(resolve => setImmediate(resolve))
  world.front.weather = 'down'
  world.front.release()
  t.match(await first, { kind: 'unreachable' })
  t.equal(keeper.lifecycle.state, 'deactivated')
  await vendor.admin.cancelTransfer(transfer.transferId)
  world.front.weather = 'fair'
  t.match(await exchange.reactivate(server, nothing), { kind: 'refreshed' })
  t.match(keeper.license, { deactivated: false, maxSessions: 40 })
})

t.test('revocation lists are kept, and judge the license that came with them', async t => {
  const world = await World.create(t)
  const { key } = await world.site.vendor.pool(100)
  const { exchange, server, site, problems } = await activated(world, key, 40)
  const folder = join(site.config.stateDirectory, 'revocations')
  t.notOk(existsSync(folder))
  const list = await publishRevocationList(world.site)
  t.match(await exchange.reactivate(server, nothing), { kind: 'refreshed' })
  const [name = ''] = readdirSync(folder)
  t.match(name, /^[0-9a-f]{64}\.jws$/)
  t.equal(readFileSync(join(folder, name), 'utf8'), `${list}\n`)
  t.strictSame(problems, [])
})

t.test(
  'a license that cannot be believed changes nothing, and is not asked for by the same request',
  async t => {
    const world = await World.create(t)
    const { key } = await world.site.vendor.pool(100)
    const machine = await activated(world, key, 40)
    const { generation } = machine.keeper.license!
    rmSync(join(machine.site.config.license.trustDirectory, 'root.pem'))
    const outcome = await machine.exchange.reactivate(machine.server, nothing)
    t.match(outcome, { kind: 'failed', code: 'trust-empty' })
    t.match(machine.keeper.license, { generation })
    machine.site.trust()
    t.match(await machine.exchange.reactivate(machine.server, nothing), { kind: 'refreshed' })
    t.ok(machine.keeper.license!.generation > generation)
  },
)

t.test('a license file that cannot be written leaves everything as it was', async t => {
  const world = await World.create(t)
  const { key } = await world.site.vendor.pool(100)
  const machine = await activated(world, key, 40)
  rmSync(machine.site.config.license.file)
  machine.site.config.license.file = join(machine.site.folder, 'no', 'such', 'folder', 'license.jws')
  machine.close()
  const again = await world.open(machine.site)
  t.match(await again.exchange.reactivate(again.server, nothing), {
    kind: 'failed',
    code: 'file-not-writable',
  })
  t.match(again.keeper.license, { generation: 1 })
  t.match((await world.open(machine.site)).keeper.license, { generation: 1 })
})

t.test('a clone is noticed at the second reactivation', async t => {
  const world = await World.create(t)
  const { vendor } = world.site
  const { key } = await vendor.pool(100)
  const original = await activated(world, key, 40)
  original.close()
  const copy = world.machine()
  execFileSync('cp', ['-a', `${original.site.folder}/.`, copy.folder])
  const one = await world.open(original.site)
  const two = await world.open(copy)
  t.match(await one.exchange.reactivate(one.server, nothing), { kind: 'refreshed' })
  // The first that is behind is served, since a restored backup looks the same; and noted.
  t.match(await two.exchange.reactivate(two.server, nothing), { kind: 'refreshed' })
  const refused = await one.exchange.reactivate(one.server, nothing)
  t.equal(codeOf(refused), 'clone-suspected')
  t.match(one.keeper.license, { maxSessions: 40, generation: 2 }, 'what it holds stays as good as it was')
})
