// The daemon refreshes its license by itself: against the real licensing server, with clocks that the test turns.
import t, { type Test } from 'tap'
import { apiPaths } from '../../../src/licensing-api/schemas.ts'
import { type DaemonHere, openAs, startHere } from '../../support/daemon.ts'
import type { RawClient } from '../../support/raw-client.ts'
import type { Site } from '../../support/site.ts'
import { until } from '../../support/until.ts'
import { World, wanting } from './rig.ts'

const hour = 3_600_000
const day = 24 * hour

interface Running extends DaemonHere {
  readonly site: Site
  readonly poolId: string
  readonly observer: RawClient
}

/** An activated machine whose daemon runs. */
async function run(
  t: Test,
  world: World,
  settings: Parameters<World['machine']>[0] = {},
  terms = {},
): Promise<Running> {
  const { key, poolId } = await world.site.vendor.pool(100, { terms })
  const site = world.machine(settings)
  const machine = await world.open(site)
  await machine.exchange.activate(machine.server, key, wanting(40))
  machine.close()
  world.front.seen.length = 0
  const here = await startHere(t, site, world)
  return { ...here, site, poolId, observer: await here.client() }
}

const reactivations = (world: World) => world.front.requests(apiPaths.reactivations).length

async function reactivationOf({ observer }: Running) {
  return (await observer.call('status.get')).reactivation
}

/** Waits until the daemon has made so many attempts, and has taken note of the last. */
async function attempts(world: World, running: Running, number: number): Promise<void> {
  await until(`${number} attempts`, () => reactivations(world) >= number)
  await until('it took note', async () => {
    const { lastAttemptAt } = await reactivationOf(running)
    return lastAttemptAt === new Date(world.wallNow()).toISOString().replace(/\.\d+Z$/, 'Z')
  })
}

t.test(
  'an extended expiry and new features are picked up when the interval is over, and no call is dropped',
  async t => {
    const world = await World.create(t)
    const running = await run(
      t,
      world,
      {},
      { expiresAt: '2026-12-10T23:59:59Z', reactivation: { intervalHours: 12, requiredWithinDays: null } },
    )
    const asked = await openAs(t, running.site.socket, { notifications: ['license', 'limit'] })
    const silent = await running.client()
    const tokens = await silent.acquireAll(['a', 'b', 'c'])
    t.match(await running.observer.call('license.get'), { state: 'expiring', generation: 1, limit: 40 })

    await running.observer.call('status.get')
    const planned = await until('it has a plan', async () => (await reactivationOf(running)).nextAttemptAt)
    t.match(await reactivationOf(running), { owner: 'daemon', lastOutcome: 'refreshed', failures: 0 })
    const wait = Date.parse(planned) - world.wallNow()
    t.ok(wait > 12 * hour * 0.8 - 1000 && wait <= 12 * hour, `after ${wait} ms`)

    await world.site.vendor.admin.changeTerms(running.poolId, {
      expiresAt: '2027-12-31T23:59:59Z',
      features: ['fax'],
    })
    world.pass(9 * hour)
    t.equal(reactivations(world), 0, 'not before')
    world.pass(3 * hour)
    await attempts(world, running, 1)
    const changed = await stateChange(asked, 'active')
    t.match(changed, {
      method: 'license.changed',
      params: { state: 'active', admits: true, message: /2027-12-31/ },
    })
    t.match(await running.observer.call('license.get'), { state: 'active', generation: 2, features: ['fax'] })
    t.match(await running.observer.call('status.get'), { inUse: 3, orphaned: 0, leaked: 0 })
    for (const token of tokens)
      t.strictSame(await silent.call('session.release', { token }), { released: true })
    t.equal(silent.waiting, 0, 'who did not ask hears nothing')
  },
)

t.test('a raised claim lifts the limit while calls run', async t => {
  const world = await World.create(t)
  const running = await run(t, world)
  const asked = await openAs(t, running.site.socket, { notifications: ['limit'] })
  const caller = await running.client()
  const names = Array.from({ length: 41 }, (_, index) => `call-${index}`)
  await caller.acquireAll(names.slice(0, 40))
  t.match(await caller.call('session.acquire', { key: names[40] }), {
    granted: false,
    reason: 'limit-reached',
  })
  // In a process of its own, as sessionctl is one.
  const ctl = await world.open(running.site)
  t.match(await ctl.exchange.reactivate(ctl.server, wanting(60)), { kind: 'refreshed' })
  t.strictSame((await asked.next()).params, { limit: 60, inUse: 40 })
  t.match(await caller.call('session.acquire', { key: names[40] }), { granted: true, inUse: 41, limit: 60 })
  t.match(
    await reactivationOf(running),
    { lastOutcome: 'refreshed' },
    'it knows what the other process has done',
  )
})

t.test('the server is away for days: overdue, grace, refused, and back again', async t => {
  const world = await World.create(t)
  const terms = { graceDays: 5, reactivation: { intervalHours: 24, requiredWithinDays: 10 } }
  const running = await run(t, world, {}, terms)
  const asked = await openAs(t, running.site.socket, { notifications: ['license'] })
  const caller = await running.client()
  const [live = ''] = await caller.acquireAll(['live'])
  world.front.weather = 'down'

  world.pass(10 * day + hour)
  t.match((await asked.next()).params, {
    state: 'reactivation-overdue',
    admits: true,
    message: /in grace, until/,
  })
  t.match(await caller.call('session.acquire', { key: 'in-grace' }), { granted: true })
  t.match(await running.observer.call('status.get'), { license: { state: 'reactivation-overdue' } })

  world.pass(5 * day)
  t.match((await asked.next()).params, {
    state: 'reactivation-overdue',
    admits: false,
    message: /its grace ended/,
  })
  t.match(await caller.call('session.acquire', { key: 'too-late' }), {
    granted: false,
    reason: 'reactivation-required',
  })
  t.match(await running.observer.call('status.get'), { inUse: 2 }, 'what was granted runs on')

  world.front.weather = 'fair'
  world.pass(4 * hour)
  t.match((await asked.next()).params, { state: 'active', admits: true })
  t.match(await caller.call('session.acquire', { key: 'again' }), { granted: true, inUse: 3 })
  t.strictSame(await caller.call('session.release', { token: live }), { released: true })
})

t.test('software that was upgraded past its license fetches one that covers it by itself', async t => {
  const world = await World.create(t)
  const versions = { from: '5.0', to: '5.x' }
  const { site, poolId, stop } = await run(t, world, {}, { versions })
  await stop()
  site.config.product.version = '6.0'
  await world.site.vendor.admin.changeTerms(poolId, { versions: { from: '5.0', to: '6.x' } })
  const here = await startHere(t, site, world)
  const client = await here.client()
  t.match(await client.call('license.get'), { state: 'unlicensed', message: /6\.0/ })
  world.pass(60_000)
  await until('it is licensed', async () => (await client.call('license.get')).state === 'active')
  t.match(await client.call('license.get'), { limit: 40, generation: 2 })
  t.equal(await world.site.vendor.claimed(poolId), 40)
})

t.test('a claim that is moved away: deactivated, confirmed, and not asked for any more', async t => {
  const world = await World.create(t)
  const running = await run(t, world)
  const { installationId } = await running.observer.call('license.get')
  const caller = await running.client()
  await caller.acquireAll(['live'])
  const { transfer } = await world.site.vendor.admin.startTransfer(installationId)
  world.pass(day)
  await running.logged('was deactivated')
  await until('it is confirmed', async () => (await reactivationOf(running)).lastOutcome === 'deactivated')
  t.match(await running.observer.call('license.get'), { state: 'deactivated', admits: false, limit: 0 })
  t.match(await caller.call('session.acquire', { key: 'more' }), {
    granted: false,
    reason: 'license-deactivated',
  })
  t.match(await running.observer.call('status.get'), { inUse: 1 })
  t.equal((await world.site.vendor.store.transfer(transfer.transferId))?.state, 'waiting')
  world.pass(90 * day)
  t.match(await reactivationOf(running), { nextAttemptAt: null })
})

t.test('without a licensing server the owner is nobody; a reload names one', async t => {
  const world = await World.create(t)
  const { key } = await world.site.vendor.pool(100)
  const site = world.machine()
  const machine = await world.open(site)
  await machine.exchange.activate(machine.server, key, wanting(40))
  machine.close()
  const { url } = site.config.licensingServer
  site.config.licensingServer.url = null
  const here = await startHere(t, site, world)
  const running = { ...here, site, poolId: '', observer: await here.client() }
  world.pass(day)
  t.match(await reactivationOf(running), { owner: 'off', nextAttemptAt: null })
  await here.daemon.reload({ ...site.config, licensingServer: { ...site.config.licensingServer, url } })
  t.match(await reactivationOf(running), { owner: 'daemon', nextAttemptAt: /^2026-/ })
  // What is due already comes within a moment of its own.
  world.pass(hour)
  await until('it is refreshed', async () => (await running.observer.call('license.get')).generation === 2)
})

/** The next notification of that state; what a state says of itself changes with the days. */
async function stateChange(client: RawClient, state: string, admits = true) {
  for (;;) {
    const notification = await client.next()
    const { params } = notification
    if (params?.['state'] === state && params['admits'] === admits) return notification
  }
}
