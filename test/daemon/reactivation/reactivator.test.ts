// When the daemon asks, and what it makes of the answers: the test ticks, and turns the clocks.
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createLogger } from '../../../src/daemon/log.ts'
import { readIdentity } from '../../../src/daemon/machine/identity.ts'
import { lockExchange } from '../../../src/daemon/reactivation/exchange-lock.ts'
import { Reactivator } from '../../../src/daemon/reactivation/reactivator.ts'
import { apiPaths } from '../../../src/licensing-api/schemas.ts'
import type { LogLine } from '../../support/daemon.ts'
import { until } from '../../support/until.ts'
import { type OpenMachine, World, wanting } from './rig.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

interface Ticking extends OpenMachine {
  readonly reactivator: Reactivator
  readonly log: LogLine[]
  /** Ticks, and waits until what that began is over. Says how many requests for a license it sent. */
  tick(): Promise<number>
}

/** The reactivator of an activated machine. */
async function tickingIn(
  world: World,
  settings: Parameters<World['machine']>[0] = {},
  terms = {},
): Promise<Ticking> {
  const { key } = await world.site.vendor.pool(100, { terms })
  const machine = await world.open(world.machine(settings))
  await machine.exchange.activate(machine.server, key, wanting(40))
  world.front.seen.length = 0
  const log: LogLine[] = []
  const destination = { write: (line: string) => void log.push(JSON.parse(line)) }
  const { config } = machine.site
  const reactivator = new Reactivator({
    config,
    installation: machine.keeper,
    identify: () => readIdentity(config),
    archive: machine.state,
    clocks: world,
    log: createLogger({ level: 'debug', destination }),
  })
  const tick = async () => {
    const before = reactivationsIn(world)
    reactivator.tick()
    await reactivator.idle()
    return reactivationsIn(world) - before
  }
  await tick()
  return { ...machine, reactivator, log, tick }
}

const reactivationsIn = (world: World) => world.front.requests(apiPaths.reactivations).length

function waitOf(world: World, { reactivator }: Ticking): number {
  const { nextAttemptAt } = reactivator.view
  if (nextAttemptAt === null) throw new Error('It plans no attempt.')
  return Date.parse(nextAttemptAt) - world.wallNow()
}

t.test('it asks when the interval is over, a little earlier by chance, and once', async t => {
  const world = await World.create(t)
  const machine = await tickingIn(
    world,
    {},
    { reactivation: { intervalHours: 10, requiredWithinDays: null } },
  )
  const wait = waitOf(world, machine)
  t.ok(wait > 8 * hour - 1000 && wait <= 10 * hour)
  world.pass(wait - 1000)
  t.equal(await machine.tick(), 0)
  world.pass(2000)
  t.equal(await machine.tick(), 1)
  t.equal(await machine.tick(), 0)
  t.match(machine.keeper.license, { generation: 2 })
  t.match(machine.reactivator.view, {
    owner: 'daemon',
    lastOutcome: 'refreshed',
    lastMessage: 'The license was refreshed.',
    failures: 0,
  })
  t.ok(waitOf(world, machine) > 8 * hour - 1000)
})

t.test('one attempt at a time', async t => {
  const world = await World.create(t)
  const machine = await tickingIn(world)
  world.pass(day)
  world.front.hold()
  machine.reactivator.tick()
  await until('it asks', () => reactivationsIn(world) === 1)
  world.pass(day)
  for (let times = 0; times < 5; times++) machine.reactivator.tick()
  t.equal(lockExchange(join(machine.site.config.stateDirectory, 'exchange.lock')), null, 'it holds the lock')
  world.front.release()
  await machine.reactivator.idle()
  t.equal(reactivationsIn(world), 1)
})

t.test('none while sessionctl talks to the server', async t => {
  const world = await World.create(t)
  const machine = await tickingIn(world)
  world.pass(day)
  const unlock = lockExchange(join(machine.site.config.stateDirectory, 'exchange.lock'))
  t.equal(await machine.tick(), 0)
  unlock?.()
  t.equal(await machine.tick(), 1)
})

t.test('attempts of others are counted when they are seen, what was before the start is not', async t => {
  const world = await World.create(t)
  const machine = await tickingIn(world)
  const blank = { refreshed: 0, deactivated: 0, refused: 0, unreachable: 0, failed: 0 }
  t.strictSame(machine.reactivator.outcomes, blank, 'the activation was before')
  world.pass(hour)
  await machine.exchange.reactivate(machine.server, { ...wanting(0), sessions: null })
  for (let times = 0; times < 3; times++) t.equal(await machine.tick(), 0)
  t.strictSame(machine.reactivator.outcomes, { ...blank, refreshed: 1 })
})

t.test('failures: the same request, ever longer pauses, and a warning where the outcome is news', async t => {
  const world = await World.create(t)
  const machine = await tickingIn(world)
  world.front.weather = 'down'
  world.pass(day)
  for (let failures = 1; failures <= 12; failures++) {
    t.equal(await machine.tick(), 1)
    t.match(machine.reactivator.view, { lastOutcome: 'unreachable', failures })
    const pause = waitOf(world, machine)
    t.ok(
      pause >= -1000 && pause <= Math.min(4 * hour, minute * 2 ** (failures - 1)),
      `${pause} ms after ${failures}`,
    )
    world.pass(Math.max(0, pause) + 1000)
  }
  t.equal(new Set(world.front.requests(apiPaths.reactivations)).size, 1)
  const blank = { refreshed: 0, deactivated: 0, refused: 0, unreachable: 0, failed: 0 }
  t.strictSame(machine.reactivator.outcomes, { ...blank, unreachable: 12 })
  const warnings = machine.log.filter(({ level }) => level === 'warn')
  t.equal(warnings.length, 1)
  t.match(warnings[0], { code: 'licensing-server-unreachable', hint: /same request is sent again/ })
  t.match(machine.keeper.lifecycle, { state: 'active', admits: true })

  world.front.weather = 'fair'
  world.pass(4 * hour)
  t.equal(await machine.tick(), 1)
  t.match(machine.reactivator.view, { lastOutcome: 'refreshed', failures: 0 })
  t.match(machine.log.at(-1), { level: 'info', message: 'Reactivated.' })
})

t.test('Retry-After is honoured', async t => {
  const world = await World.create(t)
  const machine = await tickingIn(world)
  world.front.weather = { status: 503, headers: { 'retry-after': '7200' } }
  world.pass(day)
  t.equal(await machine.tick(), 1)
  t.ok(waitOf(world, machine) >= 2 * hour - 1000)
  world.front.weather = 'fair'
  world.pass(2 * hour - 2000)
  t.equal(await machine.tick(), 0)
})

t.test('a refusal is told, and asked again when the interval is over', async t => {
  const world = await World.create(t)
  const machine = await tickingIn(world)
  const { installationId } = machine.keeper.license!
  await world.site.vendor.admin.blockInstallation(installationId, 'Unpaid.')
  world.pass(day)
  t.equal(await machine.tick(), 1)
  t.match(machine.log.at(-1), {
    level: 'warn',
    outcome: 'refused',
    code: 'installation-blocked',
    hint: /Ada/,
  })
  t.match(machine.reactivator.view, { lastOutcome: 'refused', failures: 0, lastMessage: /was blocked/ })
  t.match(machine.keeper.lifecycle, { state: 'active' })
  world.pass(12 * hour)
  t.equal(await machine.tick(), 0)
  await world.site.vendor.admin.clearInstallation(installationId, 'Paid.')
  world.pass(12 * hour)
  t.equal(await machine.tick(), 1)
  t.match(machine.reactivator.view, { lastOutcome: 'refreshed' })
})

t.test('where systemd or nobody owns it, it opens no connection', async t => {
  for (const owner of ['systemd', 'off'] as const) {
    const world = await World.create(t)
    const machine = await tickingIn(world, { owner })
    world.pass(100 * day)
    await machine.tick()
    t.strictSame(world.front.seen, [], owner)
    t.match(machine.reactivator.view, { owner, nextAttemptAt: null, lastOutcome: 'refreshed' })
  }
})

t.test('without a licensing server the owner is nobody, until a reload names one', async t => {
  const world = await World.create(t)
  const machine = await tickingIn(world)
  const { config } = machine.site
  const { url } = config.licensingServer
  machine.reactivator.reload({ ...config, licensingServer: { ...config.licensingServer, url: null } })
  world.pass(day)
  t.equal(await machine.tick(), 0)
  t.match(machine.reactivator.view, { owner: 'off', nextAttemptAt: null })
  machine.reactivator.reload({ ...config, licensingServer: { ...config.licensingServer, url } })
  t.match(machine.reactivator.view, { owner: 'daemon' })
  world.pass(hour)
  t.equal(await machine.tick(), 1)
})

t.test('a wall clock that is turned neither delays an attempt nor repeats it', async t => {
  const world = await World.create(t)
  const machine = await tickingIn(world)
  for (const years of [-10, 20, -10]) {
    world.turn(years * 365 * day)
    await machine.tick()
    world.pass(day)
    t.equal(await machine.tick(), 1, `after ${years} years`)
    t.equal(await machine.tick(), 0)
  }
})

t.test('a machine that slept for days asks as soon as it wakes', async t => {
  const world = await World.create(t)
  const machine = await tickingIn(world)
  // The monotonic clock does not run while a machine is suspended.
  world.turn(3 * day)
  t.equal(await machine.tick(), 1)
})

t.test('a stop ends an attempt that is under way, and does not count it', async t => {
  const world = await World.create(t)
  const machine = await tickingIn(world)
  world.pass(day)
  world.front.hold()
  machine.reactivator.tick()
  await until('it asks', () => reactivationsIn(world) === 1)
  await machine.reactivator.stop()
  t.match(machine.book.read(), { past: { failures: 0 }, last: { kind: 'refreshed' } })
  t.equal(machine.book.read().requests.at(-1)?.state, 'open', 'the request is kept, to be sent again')
  world.pass(day)
  t.equal(await machine.tick(), 0, 'nothing more is begun')
})

t.test('a state directory that cannot be used is told, and does not make it ask in a loop', async t => {
  const world = await World.create(t)
  const machine = await tickingIn(world)
  const lock = join(machine.site.config.stateDirectory, 'exchange.lock')
  rmSync(lock, { force: true })
  mkdirSync(lock)
  world.pass(day)
  for (let times = 0; times < 5; times++) t.equal(await machine.tick(), 0)
  const told = () => machine.log.filter(({ level }) => level === 'error')
  t.match(told(), [{ message: /could not be carried out/, hint: /stateDirectory/ }])
  t.equal(told().length, 1)
  rmSync(lock, { recursive: true })
  world.pass(minute)
  t.equal(await machine.tick(), 1)
})

t.test(
  'a plan survives a restart: a daemon that crashes again and again does not knock each time',
  async t => {
    const world = await World.create(t)
    const machine = await tickingIn(world)
    world.front.weather = { status: 503, headers: { 'retry-after': '7200' } }
    world.pass(day)
    t.equal(await machine.tick(), 1)
    world.front.weather = 'fair'
    machine.close()
    for (let restarts = 0; restarts < 3; restarts++) {
      const again = await restarted(t, world, machine)
      world.pass(10 * minute)
      again.tick()
      await again.idle()
    }
    t.equal(reactivationsIn(world), 1)
  },
)

async function restarted(t: Test, world: World, machine: OpenMachine): Promise<Reactivator> {
  const { keeper, state, site } = await world.open(machine.site)
  const reactivator = new Reactivator({
    config: site.config,
    installation: keeper,
    identify: () => readIdentity(site.config),
    archive: state,
    clocks: world,
    log: createLogger({ level: 'silent' }),
  })
  t.teardown(() => reactivator.stop())
  reactivator.tick()
  await reactivator.idle()
  return reactivator
}
