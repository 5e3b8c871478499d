// A state database that cannot be written, as operators see it: the daemon heals it every five seconds.
import t from 'tap'
import { StateStore } from '../../src/daemon/state-store.ts'
import { invoke } from '../cli/invoke.ts'
import { startHere } from '../support/daemon.ts'
import { Site } from '../support/site.ts'
import { SmallDisk } from '../support/small-disk.ts'
import { until } from '../support/until.ts'
import { scrape } from './operations/scrape.ts'

const HEALED_EVERY_MS = 5000

t.test('a disk that fills under the running daemon shows, until something is written again', async t => {
  const disk = SmallDisk.mount(t, 512)
  if (disk === null) return t.comment('not tried: only root may mount a small disk')
  const site = new Site(t)
  site.config.stateDirectory = disk.path
  await site.license()
  const here = await startHere(t, site)
  const client = await here.client()
  const flags = ['--config', site.writeConfig()]
  const looks = async () => {
    const { stateDatabase } = await client.call('status.get')
    const metric = (await scrape(here)).get('sessiond_state_degraded')
    const told = /the state database cannot be written/.test(
      (await invoke('sessionctl', ['status', ...flags])).stdout,
    )
    const top = /state degraded/.test((await invoke('sessionctl', ['top', '--once', ...flags])).stdout)
    const unit = /state degraded/.test(here.daemon.statusLine)
    const { findings } = JSON.parse((await invoke('sessionctl', ['doctor', '--json', ...flags])).stdout)
    const doctor = findings.find(({ check }: { check: string }) => check === 'state-database')
    return { stateDatabase, metric, told, top, unit, doctor: doctor.result }
  }
  const good = { stateDatabase: 'ok', metric: 0, told: false, top: false, unit: false, doctor: 'ok' }
  const bad = { stateDatabase: 'degraded', metric: 1, told: true, top: true, unit: true, doctor: 'failed' }
  t.strictSame(await looks(), good)

  disk.fill()
  await until('something could not be written', async () => {
    await here.daemon.reload(site.config)
    return here.daemon.statusLine.endsWith('; state degraded')
  })
  t.match(await here.logged('rules on'), { level: 'error', message: /full/, hint: /free space/ })
  const since = performance.now()
  await until('it was tried to heal it', () => performance.now() - since > HEALED_EVERY_MS + 1000)
  t.strictSame(await looks(), bad, 'what is full is not healed')
  t.equal((await client.call('session.acquire', { key: 'a' })).granted, true)

  disk.resize(4096)
  await here.logged('The state database is written again.')
  t.strictSame(await looks(), good)
  await here.stop()
  const state = new StateStore(site.stateFile, Date.now(), () => undefined)
  t.teardown(() => state.close())
  const events = state.audit(trail => trail.read(0, 1000)).map(({ what }) => what)
  t.strictSame(events.slice(-3), ['state.healed', 'config.reloaded', 'daemon.stopped'], 'events waited')
  t.equal(events.filter(what => what === 'state.healed').length, 1)
})
