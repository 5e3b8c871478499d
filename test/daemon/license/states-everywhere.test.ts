// "Lifecycle of a license as a state machine, shown everywhere by the same names": one daemon is taken through every
// state, and each way to see it is looked at in each of them.
import { renameSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Clocks, systemClocks } from '../../../src/daemon/clocks.ts'
import { type LifecycleState, lifecycleStates } from '../../../src/license/lifecycle.ts'
import { invoke } from '../../cli/invoke.ts'
import { type DaemonHere, openAs, startHere } from '../../support/daemon.ts'
import type { RawClient } from '../../support/raw-client.ts'
import { Site } from '../../support/site.ts'
import { until } from '../../support/until.ts'
import { figuresOf, scrape } from '../operations/scrape.ts'

const dayMs = 86_400_000

/** Both clocks run ahead by as many days as the test says. */
class AheadClocks implements Clocks {
  days = 0
  readonly wallNow = () => systemClocks.wallNow() + this.days * dayMs
  readonly monotonicNow = () => systemClocks.monotonicNow() + this.days * dayMs
}

function inDays(days: number): string {
  return new Date(Date.now() + days * dayMs).toISOString().slice(0, 10)
}

/** Looks at the state in every way that there is. */
async function seenEverywhere(t: Test, here: DaemonHere, site: Site, state: LifecycleState): Promise<void> {
  const client = await here.client()
  await until(`it is ${state}`, async () => (await client.call('license.get')).state === state)
  t.match(await client.call('status.get'), { license: { state } }, `${state}: status.get`)
  await client.cut()
  await until(`${state}: metrics`, async () => {
    const figures = figuresOf(await scrape(here), 'sessiond_license_state')
    const set = Object.keys(figures).filter(series => figures[series] === 1)
    return set.length === 1 && set[0] === `{state="${state}"}`
  })
  t.match(here.daemon.statusLine, new RegExp(`; license ${state}( \\(demonstration\\))?$`), 'systemd')
  t.ok(
    here.log.some(({ license }) => license === state),
    `${state}: the log`,
  )
  const ctl = (command: string) =>
    invoke('sessionctl', [...command.split(' '), '--socket', site.config.listen.unix.path])
  t.match((await ctl('status')).stdout, new RegExp(`^License +${state}( \\(demonstration\\))?: `))
  t.match((await ctl('license show')).stdout, new RegExp(`^State +${state}( |\n)`))
  t.equal(JSON.parse((await ctl('license show --json')).stdout).state, state)
}

/** What a client that asked is told. */
async function notified(observer: RawClient, state: LifecycleState): Promise<void> {
  await until(`a client is told ${state}`, async () => (await observer.next()).params?.state === state)
}

t.test('every state has one name, wherever it is seen', async t => {
  const site = new Site(t)
  const clocks = new AheadClocks()
  const seen = new Set<LifecycleState>()
  let here = await startHere(t, site, clocks)
  let observer = await openAs(t, site.socket, { notifications: ['license'] })
  const see = async (state: LifecycleState) => {
    await seenEverywhere(t, here, site, state)
    seen.add(state)
  }
  const restart = async () => {
    await here.stop()
    here = await startHere(t, site, clocks)
    observer = await openAs(t, site.socket, { notifications: ['license'] })
  }
  await see('unlicensed')

  await site.license({ expiresOn: inDays(60), graceDays: 5 })
  await notified(observer, 'active')
  await see('active')
  const later = [
    [35, 'expiring'],
    [62, 'grace'],
    [70, 'expired'],
  ] as const
  for (const [days, state] of later) {
    clocks.days = days
    await notified(observer, state)
    await see(state)
  }

  const reactivation = { intervalHours: 24, requiredWithinDays: 10 }
  site.install(await site.sign({ expiresOn: inDays(400), graceDays: 90 }, { reactivation }))
  await notified(observer, 'reactivation-overdue')
  await see('reactivation-overdue')

  const key = join(site.config.stateDirectory, 'machine', 'machine.key')
  renameSync(key, `${key}.away`)
  await restart()
  await see('machine-mismatch')
  renameSync(`${key}.away`, key)
  await restart()
  await see('reactivation-overdue')

  site.install(await site.sign({}, { deactivated: true, maxSessions: 0 }))
  await notified(observer, 'deactivated')
  await see('deactivated')
  t.strictSame([...seen].sort(), [...lifecycleStates].sort())
})
