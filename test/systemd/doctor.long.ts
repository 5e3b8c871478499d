// What `sessionctl doctor` finds out about units, under a real systemd.
import t, { type Test } from 'tap'
import { until } from '../support/until.ts'
import { Booted, cannotBoot, cannotBootTrixie, install } from './booted.ts'

t.setTimeout(300_000)

const sockets = ['sessiond.socket', 'sessiond-operations.socket']

async function doctor(t: Test, system: 'own' | 'trixie'): Promise<void> {
  const booted = new Booted(t, { system })
  const service = () => {
    const { findings } = JSON.parse(booted.attempt('sessionctl', 'doctor', '--json').stdout)
    return findings.find(({ check }: { check: string }) => check === 'service')
  }

  await t.test('no unit', async t => {
    install(booted)
    booted.shell(`
      mkdir /tmp/aside && mv /usr/lib/systemd/system/sessiond* /tmp/aside && systemctl daemon-reload
      systemctl stop 'sessiond*'`)
    t.match(service(), { result: 'skipped', message: 'There is no unit sessiond.service.' })
    booted.shell('mv /tmp/aside/* /usr/lib/systemd/system && systemctl daemon-reload')
  })

  await t.test('a unit that was stopped with its sockets', async t => {
    booted.run('systemctl', 'stop', ...sockets, 'sessiond.service')
    t.match(service(), {
      result: 'failed',
      message: 'The unit is inactive (dead).',
      mend: /systemctl start sessiond; .*journalctl -u sessiond/,
    })
    booted.run('systemctl', 'start', ...sockets)
  })

  await t.test('the question itself starts a daemon that waits for its first client', async t => {
    t.equal(booted.show('sessiond', 'ActiveState'), 'inactive')
    t.match(service(), { result: 'warning', message: /not after the next boot/, mend: /enable sessiond/ })
    booted.run('systemctl', 'enable', 'sessiond')
    t.match(service(), { result: 'ok', message: 'The unit is active.' })
  })

  await t.test('one that died and was started again', async t => {
    booted.shell('kill -KILL $(systemctl show --value -p MainPID sessiond)')
    await until('it is back', () => booted.show('sessiond', 'NRestarts') === '1', 30_000)
    await until('it is active', () => booted.show('sessiond', 'ActiveState') === 'active', 30_000)
    t.match(service(), { result: 'warning', message: /start it again/, mend: /^journalctl -u sessiond/ })
  })
}

t.test('the doctor and the units, under the systemd of this machine', { skip: cannotBoot() }, t =>
  doctor(t, 'own'),
)
t.test('the doctor and the units, under systemd 257', { skip: cannotBootTrixie() }, t => doctor(t, 'trixie'))
