// The Debian package under a real systemd: installed, upgraded with held sessions, removed, purged.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { SessionClient } from '../../src/client/index.ts'
import { until } from '../support/until.ts'
import { Booted, cannotBoot, cannotBootTrixie, isStarted, status } from './booted.ts'
import { knocking } from './knocking.ts'
import { buildPackages } from './packages.ts'

t.setTimeout(600_000)

const socket = '/run/sessiond/sessiond.sock'
const packages = mkdtempSync(join(tmpdir(), 'sessiond-packages-'))
t.teardown(() => rmSync(packages, { recursive: true, force: true }))
const skip = cannotBoot()
if (skip === false) {
  buildPackages(packages, '--version', '0.1.0')
  buildPackages(packages, '--version', '0.1.1', '--only', 'sessiond')
}

function fileOf(name: string, version: string): string {
  const file = readdirSync(packages).find(entry => entry.startsWith(`${name}_${version}_`))
  return `/mnt/${file}`
}

function stateOf(booted: Booted, name: string): string {
  const { stdout } = booted.attempt('dpkg', '-l', name)
  return /^[a-z]{2}(?= )/m.exec(stdout)?.[0] ?? ''
}

/** A vendor's license, made in there by the package of the vendor. */
function license(booted: Booted, sessions: number): void {
  booted.shell(`
    dpkg --force-unsafe-io -i ${fileOf('licensing-server', '0.1.0')} >&2
    cd /root
    [ -d authority ] || licensing-server init --dir authority --organization Example >&2
    cp authority/trust/*.pem /etc/sessiond/trust/
    sessionctl activate --request-file r.jws >&2
    licensing-server issue --dir authority --request r.jws --sessions ${sessions} --customer Example \\
      --expires 2099-12-31 --out l.jws >&2
    sessionctl license install l.jws >&2`)
}

async function lifeOfThePackage(t: Test, system: 'own' | 'trixie'): Promise<void> {
  const booted = new Booted(t, { folder: packages, place: '/mnt', system })

  await t.test('installed, it waits for its first client', async t => {
    // Else each dpkg indexes the manual pages of the whole machine.
    booted.run('rm', '-f', '/var/lib/man-db/auto-update')
    booted.run('dpkg', '--force-unsafe-io', '-i', fileOf('sessiond', '0.1.0'))
    for (const unit of [
      'sessiond.socket',
      'sessiond-operations.socket',
      'sessiond-license.path',
      'sessiond-reactivate.timer',
    ]) {
      t.equal(booted.show(unit, 'ActiveState'), 'active', unit)
      t.equal(booted.run('systemctl', 'is-enabled', unit), 'enabled', unit)
    }
    t.equal(booted.run('systemctl', 'is-enabled', 'sessiond.service'), 'enabled')
    t.equal(booted.attempt('systemctl', 'is-enabled', 'sessiond-tcp.socket').stdout.trim(), 'disabled')
    t.equal(booted.show('sessiond', 'ActiveState'), 'inactive')
    t.match(status(booted), { license: { state: 'unlicensed' } })
    await isStarted(booted)
    const exe = booted.shell('readlink /proc/$(systemctl show --value -p MainPID sessiond)/exe')
    t.equal(exe, '/usr/lib/sessiond/bin/node', 'its own Node.js')
    t.equal(booted.run('stat', '-c', '%U:%G %a', '/etc/sessiond/sessiond.yaml'), 'root:sessiond 640')
    t.equal(booted.run('sessiond', '--version'), '0.1.0')
    t.equal(booted.run('dpkg', '--verify', 'sessiond'), '', 'every file is as it was packed')
  })

  await t.test('systemd finds no fault in the units', async t => {
    const {
      status: code,
      stdout,
      stderr,
    } = booted.attempt(
      'sh',
      '-c',
      'cd /usr/lib/systemd/system; systemd-analyze verify --man=no sessiond*.service sessiond*.socket sessiond*.path sessiond*.timer',
    )
    t.equal(code, 0)
    t.equal(stdout + stderr, '')
  })

  await t.test('an upgrade keeps configuration, license and held sessions, and refuses nobody', async t => {
    license(booted, 10)
    t.match(status(booted), { limit: 10 })
    booted.shell(`sed -i 's/^  resumeWindowMs: .*/  resumeWindowMs: 40000/' /etc/sessiond/sessiond.yaml
      systemctl disable sessiond-reactivate.timer`)
    const client = new SessionClient({ socketPath: booted.path(socket), acquireTimeoutMs: 20_000 })
    const lost: unknown[] = []
    client.on('sessionEnded', end => lost.push(end))
    t.teardown(() => client.close())
    for (const key of ['a', 'b', 'c']) t.match(await client.acquire({ key }), { granted: true })
    const before = booted.show('sessiond', 'MainPID')
    const stop = knocking(booted.path(socket))
    booted.run('dpkg', '--force-unsafe-io', '-i', fileOf('sessiond', '0.1.1'))
    // Each look takes seconds where the machine has much to do. That no session was lost meanwhile is told by `lost`.
    const resumed = () => {
      if (['0', before].includes(booted.show('sessiond', 'MainPID'))) return false
      const { inUse, orphaned } = status(booted)
      return inUse === 3 && orphaned === 0
    }
    await until('another daemon has all sessions', resumed, 35_000)
    const { connected, refused } = await stop()
    t.equal(refused, 0)
    t.ok(connected > 20, `${connected} connections`)
    t.strictSame(lost, [])
    t.equal(booted.run('sessiond', '--version'), '0.1.1')
    t.match(booted.run('grep', 'resumeWindowMs', '/etc/sessiond/sessiond.yaml'), '40000')
    t.equal(booted.attempt('systemctl', 'is-enabled', 'sessiond-reactivate.timer').stdout.trim(), 'disabled')
    t.match(await client.acquire({ key: 'd' }), { granted: true })
  })

  // What dpkg does, does not depend on the version of systemd.
  if (system === 'trixie') {
    await t.test('a reload that systemd waits for, and a network of its own', t => notifyReload(t, booted))
    return
  }

  await t.test('removed, it runs no more and its state stays; installed again, it is licensed', async t => {
    booted.run('dpkg', '-r', 'sessiond')
    t.equal(stateOf(booted, 'sessiond'), 'rc')
    t.equal(booted.attempt('pgrep', '-u', 'sessiond').stdout, '')
    t.not(booted.attempt('test', '-e', socket).status, 0)
    t.equal(existsSync(booted.path('/usr/lib/sessiond')), false)
    booted.run('test', '-s', '/var/lib/sessiond/license.jws')
    booted.run('dpkg', '--force-unsafe-io', '-i', fileOf('sessiond', '0.1.1'))
    t.match(status(booted), { limit: 10, license: { state: 'active' } })
    t.match(booted.run('grep', 'resumeWindowMs', '/etc/sessiond/sessiond.yaml'), '40000')
  })

  await t.test('purged, nothing is left but the user', async t => {
    booted.run('dpkg', '-P', 'sessiond')
    t.match(stateOf(booted, 'sessiond'), /^(un)?$/)
    const places = '/etc /run /usr/bin /usr/lib /usr/share /var/lib /var/cache'
    const left = booted.shell(`find ${places} -xdev -maxdepth 4 -name "*sessiond*"`)
    // It holds roots for tests like this one.
    const others = /^\/var\/cache\/sessiond-test(\/|$)/
    t.strictSame(
      left.split('\n').filter(path => path !== '' && !others.test(path)),
      [],
    )
    t.match(
      booted.run('getent', 'passwd', 'sessiond'),
      /:\/usr\/sbin\/nologin$/,
      'its number is given to nobody else',
    )
    booted.run('dpkg', '--force-unsafe-io', '-i', fileOf('sessiond', '0.1.0'))
    t.match(status(booted), { license: { state: 'unlicensed' } })
  })

  await t.test('the package of the vendor keeps ledger and key, even when it is purged', async t => {
    t.equal(booted.attempt('systemctl', 'is-enabled', 'licensing-server').stdout.trim(), 'disabled')
    booted.shell('touch /var/lib/licensing-server/ledger.sqlite')
    t.match(booted.run('dpkg', '-P', 'licensing-server'), 'are left in /var/lib/licensing-server')
    booted.run('test', '-e', '/var/lib/licensing-server/ledger.sqlite')
    t.not(booted.attempt('test', '-e', '/etc/licensing-server').status, 0)
  })
}

/** `systemctl reload` comes back when it is done, which 252 cannot do. */
async function notifyReload(t: Test, booted: Booted): Promise<void> {
  const folder = '/etc/systemd/system/sessiond.service.d'
  booted.shell(`
    mkdir -p ${folder}
    cp /usr/share/doc/sessiond/examples/drop-ins/notify-reload.conf ${folder}
    systemctl daemon-reload
    systemctl restart sessiond`)
  const pid = booted.show('sessiond', 'MainPID')
  const reloads = () => booted.log('sessiond').split('was reloaded').length
  for (let time = 0; time < 3; time++) {
    const before = reloads()
    booted.run('systemctl', 'reload', 'sessiond')
    t.equal(booted.show('sessiond', 'ActiveState'), 'active')
    t.ok(reloads() > before, 'it is done when the command comes back')
  }
  t.equal(booted.show('sessiond', 'Type'), 'notify-reload')
  t.equal(booted.show('sessiond', 'MainPID'), pid)
  booted.shell(`
    rm ${folder}/notify-reload.conf
    cp /usr/share/doc/sessiond/examples/drop-ins/own-network.conf ${folder}
    systemctl daemon-reload
    systemctl restart sessiond`)
  t.match(status(booted), { reactivation: { owner: 'off' }, limit: 10 }, 'with a network of its own')
  const own = booted.shell(
    'readlink /proc/$(systemctl show --value -p MainPID sessiond)/ns/net /proc/1/ns/net',
  )
  t.equal(new Set(own.split('\n')).size, 1)
  booted.shell(`rm -r ${folder} && systemctl daemon-reload && systemctl restart sessiond`)
}

t.test('the same sources give the same bytes, whoever builds them', { skip }, async t => {
  const again = mkdtempSync(join(tmpdir(), 'sessiond-packages-'))
  t.teardown(() => rmSync(again, { recursive: true, force: true }))
  const before = process.umask(0o077)
  t.teardown(() => process.umask(before))
  buildPackages(again, '--version', '0.1.0', '--only', 'licensing-server')
  const [file] = readdirSync(again)
  t.ok(readFileSync(join(again, file!)).equals(readFileSync(join(packages, file!))))
})

t.test('the package, on the system of this machine', { skip }, t => lifeOfThePackage(t, 'own'))
t.test('the package, with systemd 257', { skip: cannotBootTrixie() }, t => lifeOfThePackage(t, 'trixie'))
