import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs'
import t, { type Test } from 'tap'
import { LicenseKeeper } from '../../../src/daemon/license/license-keeper.ts'
import { StateStore } from '../../../src/daemon/state-store.ts'
import { createLogger } from '../../../src/log.ts'
import type { LogLine } from '../../support/daemon.ts'
import { Site } from '../../support/site.ts'
import { until } from '../../support/until.ts'

const DAY_MS = 86_400_000

/** A keeper whose wall clock the test sets. */
async function openKeeper(t: Test, site: Site) {
  const log: LogLine[] = []
  const destination = { write: (line: string) => void log.push(JSON.parse(line)) }
  const wall = { now: Date.now() }
  let monotonic = 0
  const archive = new StateStore(site.stateFile, Date.now(), () => undefined)
  const keeper = await LicenseKeeper.open({
    config: site.config,
    archive,
    clocks: { wallNow: () => wall.now, monotonicNow: () => monotonic },
    log: createLogger({ level: 'info', destination }),
  })
  const close = () => {
    keeper.close()
    archive.close()
  }
  t.teardown(close)
  const run = (ms: number) => {
    wall.now += ms
    monotonic += ms
    keeper.advance()
    keeper.look()
  }
  return { keeper, log, wall, run, close }
}

t.test('a license that is laid down between start and watch is seen', async t => {
  const site = new Site(t)
  const { keeper } = await openKeeper(t, site)
  t.equal(keeper.license, null)
  await site.license({ maxSessions: 4 })
  keeper.watch()
  await until('it is in force', () => keeper.license?.maxSessions === 4)
})

t.test(
  'a license that is written bit by bit is not told as a bad one, one that stays cut off is',
  async t => {
    const site = new Site(t)
    const text = await site.sign({ maxSessions: 7 })
    const { keeper, log } = await openKeeper(t, site)
    const refusals = () => log.filter(({ message }) => message.startsWith('The license file was not taken'))
    keeper.watch()
    const file = openSync(site.config.license.file, 'w')
    t.teardown(() => closeSync(file))
    for (const part of [text.slice(0, 300), text.slice(300, 900)]) {
      writeSync(file, part)
      await until('what is there was looked at', () => keeper.rejection?.code === 'license-not-parsable')
    }
    writeSync(file, text.slice(900))
    await until('it is in force', () => keeper.license?.maxSessions === 7)

    writeFileSync(site.config.license.file, text.slice(0, 300))
    await until('the cut one is told', () => refusals().length > 0)
    t.match(refusals(), [{ level: 'error', code: 'license-not-parsable' }])
    t.equal(refusals().length, 1)
    t.equal(keeper.license?.maxSessions, 7)
  },
)

t.test('a license runs out by time alone: each state is told once', async t => {
  const site = new Site(t)
  const now = Date.now()
  const expiresOn = new Date(now + 20 * DAY_MS).toISOString().slice(0, 10)
  await site.license({ expiresOn, graceDays: 5 })
  const { keeper, log, run } = await openKeeper(t, site)
  const told: string[] = []
  keeper.onChange = before => told.push(`${before.lifecycle.state} > ${keeper.lifecycle.state}`)
  t.match(keeper.lifecycle, { state: 'expiring', admits: true, expiringWithinDays: 30 })
  for (let day = 0; day < 30; day++) run(DAY_MS)
  t.match(keeper.lifecycle, { state: 'expired', admits: false, refusal: 'license-expired' })
  const changes = told.filter(change => change.split(' > ')[0] !== change.split(' > ')[1])
  t.strictSame(changes, ['expiring > grace', 'grace > expired'])
  const lines = log.filter(({ from }) => from !== undefined)
  t.match(lines, [
    { level: 'warn', from: 'expiring', license: 'grace', message: /in grace/ },
    { level: 'warn', from: 'grace', license: 'expired', message: /no new session/ },
  ])
  t.equal(lines.length, 2)
})

t.test('the clock that is turned back gains nothing, also not across a restart', async t => {
  const site = new Site(t)
  const expiresOn = new Date(Date.now() + 2 * DAY_MS).toISOString().slice(0, 10)
  await site.license({ expiresOn, graceDays: 0 })
  const first = await openKeeper(t, site)
  t.equal(first.keeper.lifecycle.admits, true)
  for (let hour = 0; hour < 5 * 24; hour++) first.run(3_600_000)
  t.equal(first.keeper.lifecycle.state, 'expired')
  first.wall.now -= 5 * DAY_MS
  first.keeper.look()
  t.equal(first.keeper.lifecycle.state, 'expired')
  first.close()
  // The clock of this machine never left today.
  const second = await openKeeper(t, site)
  t.equal(second.keeper.lifecycle.state, 'expired')
  second.close()

  // A renewed license is judged by the time at which it was issued, and sets the clock right.
  await site.license({ maxSessions: 3 })
  const third = await openKeeper(t, site)
  t.match(third.keeper.lifecycle, { state: 'active', admits: true })
  t.equal(third.keeper.license?.maxSessions, 3)
})

t.test('a clock that is wrong for a moment leaves no trace', async t => {
  const site = new Site(t)
  await site.license({
    expiresOn: new Date(Date.now() + 40 * DAY_MS).toISOString().slice(0, 10),
    graceDays: 0,
  })
  const { keeper, wall, run, close } = await openKeeper(t, site)
  run(60_000)
  wall.now += 1000 * DAY_MS
  keeper.look()
  t.equal(keeper.lifecycle.state, 'expired', 'it is believed while it stands there')
  wall.now -= 1000 * DAY_MS
  run(60_000)
  t.equal(keeper.lifecycle.state, 'active')
  close()
  t.equal((await openKeeper(t, site)).keeper.lifecycle.state, 'active')
})
