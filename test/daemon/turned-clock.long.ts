// License time on a running daemon: the clock of the machine is turned, back and forward, by minutes, days and years.
import t, { type Test } from 'tap'
import { type DaemonHere, openAs, startHere } from '../support/daemon.ts'
import type { Site } from '../support/site.ts'
import { until } from '../support/until.ts'
import { World, wanting } from './reactivation/rig.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour
const year = 365 * day

/** The license of the tests ends on 10 December 2026 and has a grace of 5 days; they begin on 24 November. */
const terms = { expiresAt: '2026-12-10T23:59:59Z', graceDays: 5 }

async function activate(t: Test, world: World): Promise<{ site: Site; poolId: string }> {
  const { key, poolId } = await world.site.vendor.pool(100, { terms })
  const site = world.machine({ owner: 'off' })
  const machine = await world.open(site)
  const { kind } = await machine.exchange.activate(machine.server, key, wanting(10))
  t.equal(kind, 'refreshed')
  machine.close()
  return { site, poolId }
}

async function stateOf(here: DaemonHere): Promise<string> {
  const client = await here.client()
  const { state } = await client.call('license.get')
  await client.cut()
  return state
}

/** What the daemon says of its license once it has looked at the clock, which it does each second. */
async function becomes(here: DaemonHere, state: string): Promise<void> {
  await until(`the license is ${state}`, async () => (await stateOf(here)) === state)
}

t.test('a clock that is wrong for some minutes leaves no trace', async t => {
  const world = await World.create(t)
  const { site } = await activate(t, world)
  const here = await startHere(t, site, world)
  const asked = await openAs(t, site.socket, { notifications: ['license'] })
  const caller = await here.client()
  await caller.acquireAll(['live'])
  for (const [ahead, state] of [
    [10 * minute, 'expiring'],
    [18 * day, 'grace'],
    [30 * day, 'expired'],
    [20 * year, 'expired'],
  ] as const) {
    world.turn(ahead)
    await becomes(here, state)
    const admits = state !== 'expired'
    const answer = await caller.call('session.acquire', { key: `at-${ahead}` })
    t.equal(answer.granted, admits, `${ahead} ms ahead`)
    if (answer.granted) await caller.call('session.release', { token: answer.token })
    world.turn(-ahead)
    await becomes(here, 'expiring')
    t.match(await caller.call('status.get'), { inUse: 1 }, 'what was granted runs on')
  }
  t.ok(asked.waiting > 0, 'who asked was told')
  await here.stop()
  await becomes(await startHere(t, site, world), 'expiring')
})

t.test('a clock that is turned back, by minutes, days or years, gains no time', async t => {
  for (const back of [30 * minute, 10 * day, 10 * year]) {
    const world = await World.create(t)
    const { site } = await activate(t, world)
    const here = await startHere(t, site, world)
    world.turn(-back)
    await becomes(here, 'expiring')
    // The daemon runs on: its monotonic clock cannot be turned, and is what counts. The stop keeps it.
    world.pass(17 * day)
    await here.stop()
    const again = await startHere(t, site, world)
    await becomes(again, 'grace')
    world.pass(6 * day)
    await again.stop()
    await becomes(await startHere(t, site, world), 'expired')
  }
})

t.test('a clock that was turned back before the start finds the time that was signed', async t => {
  const world = await World.create(t)
  const { site } = await activate(t, world)
  world.turn(-30 * year)
  const here = await startHere(t, site, world)
  await becomes(here, 'expiring')
})

t.test('a clock that was wrong for long is cured by the next license', async t => {
  const world = await World.create(t)
  const { site, poolId } = await activate(t, world)
  const here = await startHere(t, site, world)
  world.turn(20 * year)
  await becomes(here, 'expired')
  world.pass(2 * hour)
  await here.stop()
  world.turn(-20 * year)
  const again = await startHere(t, site, world)
  await becomes(again, 'expired')

  await world.site.vendor.admin.changeTerms(poolId, { features: ['fax'] })
  const ctl = await world.open(site)
  t.match(await ctl.exchange.reactivate(ctl.server, { ...wanting(10), sessions: null }), {
    kind: 'refreshed',
  })
  await becomes(again, 'expiring')
  world.pass(17 * day)
  await becomes(again, 'grace')
})
