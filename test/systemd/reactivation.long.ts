// The timer of systemd reactivates against a licensing server that runs as a unit of its own.
import t, { type Test } from 'tap'
import { until } from '../support/until.ts'
import { Booted, cannotBoot, cannotBootTrixie, install, installed, status } from './booted.ts'

t.setTimeout(300_000)

/** A vendor in there, on loopback, with a pool of 100 sessions; gives an installation key. */
function runVendor(booted: Booted): string {
  booted.shell(`
    cd ${installed}
    install -m 644 systemd/licensing-server.service /usr/lib/systemd/system
    install -m 644 systemd/licensing-server.sysusers /usr/lib/sysusers.d/licensing-server.conf
    systemd-sysusers licensing-server.conf
    mkdir -p /etc/licensing-server /var/lib/licensing-server
    cp -r test/support/authority /var/lib/licensing-server/authority
    echo '{}' >/etc/licensing-server/licensing-server.yaml
    chown -R licensing-server: /var/lib/licensing-server
    systemctl daemon-reload
    systemctl start licensing-server`)
  const vendor = 'setpriv --reuid=licensing-server --regid=licensing-server --clear-groups licensing-server'
  const said = booted.shell(`
    ${vendor} customer add acme --name 'Acme Telecom' --representative Ada --email ada@vendor.example >&2
    ${vendor} pool open acme --id acme-calls --sessions 100 --versions 5.0..5.x --expires 2099-12-31 >&2
    ${vendor} key create acme-calls --json`)
  return (JSON.parse(said) as { installationKey: string }).installationKey
}

async function reactivation(t: Test, system: 'own' | 'trixie'): Promise<void> {
  const booted = new Booted(t, { system })
  install(booted)
  const key = runVendor(booted)

  await t.test('the licensing server tells systemd how it is', async t => {
    t.equal(booted.show('licensing-server', 'ActiveState'), 'active')
    const pid = booted.show('licensing-server', 'MainPID')
    booted.run('systemctl', 'reload', 'licensing-server')
    await until('it is reloaded', () => booted.show('licensing-server', 'ActiveState') === 'active')
    t.equal(booted.show('licensing-server', 'MainPID'), pid)
  })

  await t.test('an activated daemon without a network shows that systemd reactivates', async t => {
    booted.shell(`
      printf 'licensingServer: {url: "http://127.0.0.1:7790"}\\nreactivation: {intervalSeconds: 1}\\n' \\
        >/etc/sessiond/sessiond.yaml
      umask 077; echo '${key}' >/tmp/key
      sessionctl activate --key-file /tmp/key --sessions 10`)
    await until('the license is in force', () => status(booted)['limit'] === 10)
    t.match(status(booted), { reactivation: { owner: 'systemd', nextAttemptAt: null } })
  })

  await t.test('the timer comes, and what is due is done; the daemon has it at once', async t => {
    booted.shell(`
      mkdir -p /run/systemd/system/sessiond-reactivate.timer.d
      printf '[Timer]\\nOnCalendar=\\nOnCalendar=*:*:0/2\\nRandomizedDelaySec=0\\nAccuracySec=100ms\\n' \\
        >/run/systemd/system/sessiond-reactivate.timer.d/often.conf
      systemctl daemon-reload
      systemctl restart sessiond-reactivate.timer`)
    const log = await until(
      'it is refreshed',
      () => {
        const said = booted.log('sessiond-reactivate')
        return said.includes('Refreshed') ? said : null
      },
      30_000,
    )
    t.match(log, /generation 2/)
    booted.run('systemctl', 'stop', 'sessiond-reactivate.timer')
    t.match(status(booted), { limit: 10, reactivation: { owner: 'systemd', lastOutcome: 'refreshed' } })
  })

  await t.test('a server that is away is no failure of the unit', async t => {
    await until('no other runs', () => booted.show('sessiond-reactivate', 'ActiveState') === 'inactive')
    booted.run('systemctl', 'stop', 'licensing-server')
    booted.run('systemctl', 'start', 'sessiond-reactivate')
    t.equal(booted.show('sessiond-reactivate', 'Result'), 'success')
    t.match(status(booted), { limit: 10, reactivation: { lastOutcome: 'unreachable' } })
  })
}

t.test('reactivation by a timer, under the systemd of this machine', { skip: cannotBoot() }, t =>
  reactivation(t, 'own'),
)
t.test('reactivation by a timer, under systemd 257', { skip: cannotBootTrixie() }, t =>
  reactivation(t, 'trixie'),
)
