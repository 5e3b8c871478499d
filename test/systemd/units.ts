import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import type { Test } from 'tap'
import { SessionClient } from '../../src/client/index.ts'
import { until } from '../support/until.ts'
import { Booted, install, installed, isStarted, status } from './booted.ts'
import { knocking } from './knocking.ts'

const socket = '/run/sessiond/sessiond.sock'
const licenseFile = '/var/lib/sessiond/license.jws'

/** As docs/systemd.md has it for systemd 253 and newer. */
const document = readFileSync(new URL('../../docs/systemd.md', import.meta.url), 'utf8')
const [, notifyReload] = /^`(install .*notify-reload\.conf .*)`\.$/m.exec(document)!

/** Issues a license for the machine in there; gives its text. */
function issue(booted: Booted, sessions: number): string {
  return booted.shell(`
    cd /tmp && rm -f r.jws l.jws
    sessionctl activate --request-file r.jws >&2
    licensing-server issue --dir ${installed}/test/support/authority --request r.jws --sessions ${sessions} \\
      --customer 'Example Telecom' --expires 2099-12-31 --out l.jws >&2
    cat l.jws`)
}

/** Lays a file down as an operator's script might: beside it, then renamed. */
function layDown(booted: Booted, text: string): void {
  const file = booted.path(licenseFile)
  writeFileSync(`${file}.new`, text, { mode: 0o644 })
  renameSync(`${file}.new`, file)
}

/** A call process that holds sessions all the time, and loses none. */
async function holder(t: Test, booted: Booted, count: number) {
  const client = new SessionClient({ socketPath: booted.path(socket), acquireTimeoutMs: 20_000 })
  const lost: unknown[] = []
  client.on('sessionEnded', end => lost.push(end))
  t.teardown(() => client.close())
  for (let number = 0; number < count; number++) {
    t.match(await client.acquire({ key: `call-${number}` }), { granted: true })
  }
  return { client, lost }
}

/** The daemon runs as another process than `before`, and has all sessions back. */
async function backWithSessions(booted: Booted, before: string, sessions: number): Promise<void> {
  await until(
    'another daemon',
    () =>
      booted.show('sessiond', 'ActiveState') === 'active' &&
      !['0', before].includes(booted.show('sessiond', 'MainPID')),
    30_000,
  )
  const resumed = () => {
    const { inUse, orphaned } = status(booted)
    return inUse === sessions && orphaned === 0
  }
  await until('all sessions are resumed', resumed, 60_000)
}

/** What the units do under a real systemd, installed as docs/systemd.md has it. */
export async function units(t: Test, system: 'own' | 'trixie'): Promise<void> {
  const booted = new Booted(t, { system })
  install(booted)

  await t.test('systemd finds no fault in the units', async t => {
    const units = readdirUnits(booted)
    booted.run(
      'install',
      '-m',
      '644',
      `${installed}/systemd/licensing-server.service`,
      '/usr/lib/systemd/system',
    )
    const { status: code, stdout, stderr } = booted.attempt('systemd-analyze', 'verify', '--man=no', ...units)
    t.equal(code, 0)
    // Keys that are not known are only complained about.
    t.equal(stdout + stderr, '')
    const exposure = (unit: string, most: number) => {
      const file = `/usr/lib/systemd/system/${unit}`
      const options = ['security', '--offline=true', '--no-pager', `--threshold=${most * 10}`]
      const said = booted.attempt('systemd-analyze', ...options, file)
      t.equal(said.status, 0, `${unit}: ${/Overall.*/.exec(said.stdout)?.[0]}`)
    }
    exposure('sessiond.service', 0.3)
    for (const unit of ['sessiond-license', 'sessiond-reactivate', 'licensing-server']) {
      exposure(`${unit}.service`, 1.2)
    }
  })

  await t.test('the first connection starts the daemon', async t => {
    t.equal(booted.show('sessiond', 'ActiveState'), 'inactive')
    const mode = booted.run('stat', '-c', '%U:%G %a', socket)
    t.equal(mode, 'sessiond:sessiond 660')
    const shown = status(booted)
    t.match(shown, { license: { state: 'unlicensed' }, reactivation: { owner: 'off' } })
    await isStarted(booted)
    t.equal(booted.run('stat', '-c', '%U:%G %a', socket), mode, 'the daemon leaves it as it is')
    t.equal(booted.show('sessiond', 'StatusText'), '0 of 0 sessions in use; license unlicensed')
    const environment = booted.shell(
      'tr "\\0" "\\n" </proc/$(systemctl show --value -p MainPID sessiond)/environ',
    )
    t.match(environment, 'WATCHDOG_USEC=10000000', 'it is asked for signs of life')
    t.notMatch(booted.log('sessiond'), /"level":"(error|fatal)"/)
  })

  await t.test('it has no network, and metrics are reached all the same', async t => {
    const pid = booted.show('sessiond', 'MainPID')
    const network = (process: string) => booted.run('readlink', `/proc/${process}/ns/net`)
    t.not(network(pid), network('1'))
    booted.attempt('ip', 'link', 'add', 'other', 'type', 'dummy')
    const interfaces = booted.run('ls', '/sys/class/net')
    const seen = booted.run('nsenter', '--mount', `--target=${pid}`, 'ls', '/sys/class/net')
    t.equal(seen, interfaces, 'the interfaces of the machine are part of its fingerprint')
    const scrape = `fetch('http://127.0.0.1:7789/metrics').then(r => r.text()).then(console.log)`
    t.match(booted.run('node', '-e', scrape), /^sessiond_reactivation_owner\{owner="off"\} 1$/m)
  })

  await t.test('a license that is laid down is in force within two seconds', async t => {
    const license = issue(booted, 10)
    const at = Date.now()
    layDown(booted, `${license}\n`)
    await until('it is in force', () => status(booted)['limit'] === 10)
    // By its own log, since the command that looks takes as long as all the rest.
    const [, told] = /"time":"([^"]+)".*A new license is in force/.exec(booted.log('sessiond'))!
    const took = Date.parse(told!) - at
    t.ok(took < 2000, `it took ${took} ms`)
    await until('the path unit had it reload', () => /was reloaded/.test(booted.log('sessiond')))
  })

  const { client, lost } = await holder(t, booted, 3)

  await t.test('killed, it is back; nobody is refused and no session is lost', async t => {
    const stop = knocking(booted.path(socket))
    // More often in a row than systemd puts up with by default.
    for (let time = 0; time < 6; time++) {
      const before = booted.show('sessiond', 'MainPID')
      booted.run('kill', '-KILL', before)
      await backWithSessions(booted, before, 3)
    }
    const { connected, refused } = await stop()
    t.equal(refused, 0)
    t.ok(connected > 50, `${connected} connections`)
    t.match(await client.acquire({ key: 'call-3' }), { granted: true })
  })

  await t.test('a loop that hangs is ended and started again', async t => {
    const dropIn = '/run/systemd/system/sessiond.service.d/short.conf'
    booted.shell(`mkdir -p $(dirname ${dropIn}) && printf '[Service]\\nWatchdogSec=2s\\nTimeoutAbortSec=1s\\n' >${dropIn}
      systemctl daemon-reload && systemctl restart sessiond`)
    await backWithSessions(booted, '0', 4)
    const before = booted.show('sessiond', 'MainPID')
    const stop = knocking(booted.path(socket))
    booted.run('kill', '-STOP', before)
    await backWithSessions(booted, before, 4)
    t.equal((await stop()).refused, 0)
    t.match(booted.log('sessiond'), 'Watchdog timeout')
    // Longer than the watchdog waits: that nothing happens has no end to wait for.
    await new Promise(resolve => setTimeout(resolve, 3000))
    t.not(booted.show('sessiond', 'MainPID'), '0', 'while it lives, it is left alone')
    t.equal(booted.show('sessiond', 'NRestarts'), '1')
    booted.shell(`rm ${dropIn} && systemctl daemon-reload`)
  })

  await t.test('a reload keeps process, connections and sessions', async t => {
    const before = booted.show('sessiond', 'MainPID')
    const reloads = () => booted.log('sessiond').split('was reloaded').length
    const count = reloads()
    booted.run('systemctl', 'reload', 'sessiond')
    await until('it is reloaded', () => reloads() > count)
    await until('systemd knows', () => booted.show('sessiond', 'ActiveState') === 'active')
    t.equal(booted.show('sessiond', 'MainPID'), before)
    t.match(status(booted), { inUse: 4, orphaned: 0 })
  })

  if (system === 'trixie') {
    await t.test('with its drop-in, systemctl comes back when the reload is done', async t => {
      const before = booted.show('sessiond', 'MainPID')
      const reloads = () => booted.log('sessiond').split('was reloaded').length
      booted.shell(`cd ${installed} && ${notifyReload} && systemctl daemon-reload`)
      t.equal(booted.show('sessiond', 'Type'), 'notify-reload')
      for (let time = 0; time < 3; time++) {
        const count = reloads()
        booted.run('systemctl', 'reload', 'sessiond')
        t.equal(booted.show('sessiond', 'ActiveState'), 'active')
        t.ok(reloads() > count)
      }
      t.equal(booted.show('sessiond', 'MainPID'), before)
      t.match(status(booted), { inUse: 4, orphaned: 0 })
    })
  }

  await t.test('a new license raises the limit, a bad one changes nothing and is told', async t => {
    const better = issue(booted, 20)
    const at = performance.now()
    layDown(booted, `${better}\n`)
    await until('it is in force', () => status(booted)['limit'] === 20)
    t.ok(performance.now() - at < 2000)
    t.match(status(booted), { inUse: 4, orphaned: 0 })
    layDown(booted, 'this is no license\n')
    const said = await until('the unit tells', () => {
      const shown = booted.show('sessiond', 'StatusText')
      return shown.includes('was not taken') ? shown : null
    })
    t.match(said, /^4 of 20 sessions in use; license active; a license file was not taken: license-/)
    t.match(status(booted), { limit: 20, inUse: 4, license: { state: 'active' } })
    layDown(booted, `${better}\n`)
    await until('all is well', () => !booted.show('sessiond', 'StatusText').includes('was not taken'))
  })

  await t.test('stopped with its sockets, it is gone; started, sessions are there again', async t => {
    booted.run('systemctl', 'stop', 'sessiond.socket', 'sessiond-operations.socket', 'sessiond.service')
    t.equal(booted.show('sessiond', 'ActiveState'), 'inactive')
    const how = booted.run('journalctl', '-n', '30', '-o', 'short-precise', '-u', 'sessiond')
    t.equal(booted.show('sessiond', 'Result'), 'success', how)
    t.notOk(booted.attempt('test', '-e', socket).status === 0)
    booted.run('systemctl', 'start', 'sessiond.service')
    await backWithSessions(booted, '0', 4)
  })

  await t.test('TCP, where its socket is enabled, wants the token', async t => {
    booted.shell(`
      (umask 027; head -c 32 /dev/urandom | sha256sum | cut -c-64 >/etc/sessiond/token)
      chgrp sessiond /etc/sessiond/token
      systemctl enable sessiond-tcp.socket
      systemctl restart sessiond`)
    await backWithSessions(booted, '0', 4)
    const knock = (headers: string) =>
      booted.shell(`node -e "
        const { request } = require('node:http')
        const upgrade = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' }
        const more = { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==', 'Sec-WebSocket-Protocol': 'sessiond.v1' }
        const token = require('node:fs').readFileSync('/etc/sessiond/token', 'utf8').trim()
        const end = ({ statusCode }) => { console.log(statusCode); process.exit() }
        request({ host: '127.0.0.1', port: 7788, headers: { ...upgrade, ...more, ${headers} } }).on('response', end).on('upgrade', end).end()"`)
    t.equal(knock("Authorization: 'Bearer ' + token"), '101')
    t.equal(knock("Authorization: 'Bearer of another'"), '401')
  })

  await t.test('without the library for datagrams, systemd-notify speaks for it', async t => {
    const folder = '/run/systemd/system/sessiond.service.d'
    booted.shell(`
      mkdir -p ${folder} && cp ${installed}/systemd/drop-ins/spawned-notify.conf ${folder}
      printf '[Service]\\nWatchdogSec=2s\\nInaccessiblePaths=${installed}/node_modules/node-unix-socket\\n' >${folder}/without.conf
      systemctl daemon-reload
      systemctl restart sessiond`)
    await backWithSessions(booted, '0', 4)
    const pid = booted.show('sessiond', 'MainPID')
    t.match(booted.log('sessiond'), 'systemd is told of start, reload and stop alone')
    t.match(booted.show('sessiond', 'StatusText'), /^4 of 20 sessions in use/)
    const again = 'systemctl reload sessiond; sleep 4; systemctl show --value -p MainPID sessiond'
    t.equal(booted.shell(again), pid, 'nobody waits for signs of life')
    booted.shell(`rm -r ${folder} && systemctl daemon-reload && systemctl restart sessiond`)
    await backWithSessions(booted, '0', 4)
  })

  t.strictSame(lost, [], 'in all of that')
}

function readdirUnits(booted: Booted): string[] {
  const list = booted.shell(`cd ${installed}/systemd && ls *.service *.socket *.path *.timer`)
  return list.split('\n').map(name => `/usr/lib/systemd/system/${name}`)
}
