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
    const found = service()
    t.match(found, { result: 'warning', message: /start it again, 1 time\./ })
    t.equal(found.mend, 'journalctl -u sessiond -p warning')
    t.match(booted.run('journalctl', '-u', 'sessiond', '-p', 'warning', '-o', 'cat'), /Main process exited/)
  })

  await t.test(
    'what the daemon logs as an error is one in the journal, and its process has its name',
    async t => {
      booted.shell('rm /etc/sessiond/trust/*.pem && systemctl reload sessiond')
      const errors = () => booted.run('journalctl', '-u', 'sessiond', '-p', 'err', '-o', 'cat')
      await until('it is told', () => /There is no root certificate/.test(errors()))
      t.notMatch(errors(), /"level":"info"/)
      t.equal(booted.run('pidof', '-s', 'sessiond'), booted.show('sessiond', 'MainPID'))
    },
  )

  await t.test(
    'a configuration that is wrong: the log says so as an error, a daemon that runs still answers',
    async t => {
      booted.shell("echo 'foo: 1' >>/etc/sessiond/sessiond.yaml")
      const asked = booted.attempt('sessionctl', 'status')
      t.match(asked, { status: 2, stderr: /key 'foo' is not known/ })
      const socket = /A daemon that runs still answers: --socket (\S+)/.exec(asked.stderr)?.[1]
      t.match(booted.run('sessionctl', 'status', '--socket', `${socket}`), /^License /)
      t.not(booted.attempt('systemctl', 'restart', 'sessiond').status, 0)
      t.match(booted.run('journalctl', '-u', 'sessiond', '-p', 'err', '-o', 'cat'), /key 'foo' is not known/)
      booted.shell('sed -i /^foo/d /etc/sessiond/sessiond.yaml && systemctl start sessiond')
    },
  )

  await t.test('somebody in no group is told the group, not a stack', async t => {
    booted.shell('useradd ann && chgrp sessiond /etc/sessiond && chmod 750 /etc/sessiond')
    const asAnn = (...command: string[]) => booted.attempt('runuser', '-u', 'ann', '--', ...command)
    for (const command of ['status', 'report', 'audit', 'fingerprint']) {
      const { status, stdout, stderr } = asAnn('sessionctl', command)
      t.equal(status, 1)
      t.equal(stdout, '')
      t.match(stderr.split('\n'), [
        'error: The user ann may not read /etc/sessiond/sessiond.yaml.',
        'hint: The group sessiond may (/etc/sessiond). Use sudo, or join it and log in again: sudo usermod -aG sessiond ann',
        '',
      ])
    }
    booted.run('usermod', '-aG', 'sessiond', 'ann')
    t.match(asAnn('sessionctl', 'status'), { status: 0, stdout: /^License / })
    t.match(asAnn('sessionctl', 'report'), {
      status: 1,
      stderr: /may not read .*history\.db\.\nhint: Only the user sessiond and root may .*Use sudo\.\n$/,
    })
    const { findings } = JSON.parse(asAnn('sessionctl', 'doctor', '--json').stdout)
    const about = (name: string) => findings.find(({ check }: { check: string }) => check === name)
    for (const name of ['license-file', 'audit', 'clock']) {
      t.match(about(name), { result: 'failed', message: /^The user ann may not read/, mend: /Use sudo\.$/ })
    }
  })
}

t.test('the doctor and the units, under the systemd of this machine', { skip: cannotBoot() }, t =>
  doctor(t, 'own'),
)
t.test('the doctor and the units, under systemd 257', { skip: cannotBootTrixie() }, t => doctor(t, 'trixie'))
