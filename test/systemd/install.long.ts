// What docs/install.md says is typed, word by word: from the packages to a licensed machine in Prometheus.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { commandsOf, fencesOf } from '../cli/console-blocks.ts'
import { until } from '../support/until.ts'
import { Booted, cannotBoot, status } from './booted.ts'
import { buildPackages } from './packages.ts'

t.setTimeout(300_000)

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}
const document = readFileSync(new URL('../../docs/install.md', import.meta.url), 'utf8')

/** The commands of one block, with what this test has in place of what the document cannot know. */
function commands(name: string): string[] {
  const fence = fencesOf(document).find(({ words }) => words[0] === 'console' && words[1] === name)!
  return commandsOf(fence).map(({ command }) =>
    command
      .replace('https://licensing.example.com', 'http://127.0.0.1:7790')
      .replace(/_0\.1\.0_amd64/, `_${version}_${process.arch === 'x64' ? 'amd64' : process.arch}`),
  )
}

function cannotRun(): string | false {
  const hasPrometheus = spawnSync('prometheus', ['--version']).error === undefined
  return hasPrometheus ? cannotBoot() : 'prometheus is not installed (Debian package prometheus)'
}

async function newOperator(t: Test): Promise<void> {
  const packages = mkdtempSync(join(tmpdir(), 'sessiond-packages-'))
  t.teardown(() => rmSync(packages, { recursive: true, force: true }))
  buildPackages(packages)
  const booted = new Booted(t, { folder: packages, place: '/mnt' })
  booted.shell('echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/unsafe-io; rm -f /var/lib/man-db/auto-update')
  // All in one shell, as at a prompt; the first one that fails ends it.
  const type = (lines: string[], folder: string) => {
    const script = `export DEBIAN_FRONTEND=noninteractive; cd ${folder}; ln -sf /mnt/*.deb .; ${lines.join('\n')}`
    const { status: code, stdout, stderr } = booted.attempt('bash', '-ec', script)
    t.equal(code, 0, `${lines.length} commands${code === 0 ? '' : `: ${stdout}${stderr}`}`)
    return stdout
  }

  const said = type(commands('vendor'), '/root')
  const key = /^[0-9A-Z]{5}(-[0-9A-Z]{5}){4}$/m.exec(said)?.[0]
  t.ok(key, 'an installation key')
  t.equal(booted.show('licensing-server', 'ActiveState'), 'active')
  t.match(booted.show('licensing-server', 'StatusText'), /^ready; http:\/\/127\.0\.0\.1:7790; 0 licenses/)

  const machine = commands('machine')
  t.ok(machine.length < 10, `${machine.length} commands`)
  booted.shell(`mkdir /root/vendor-sent && cd /root/vendor-sent && echo '${key}' >installation.key
    cp /var/lib/licensing-server/authority/trust/root.pem .`)
  t.match(type(machine, '/root/vendor-sent'), /^License +active/m)
  t.match(status(booted), { limit: 10, license: { state: 'active' }, reactivation: { owner: 'systemd' } })
  await until('the licensing server tells of it', () =>
    booted.show('licensing-server', 'StatusText').includes('1 license since'),
  )

  // At most 15 s until the first scrape.
  const ask = (path: string) => {
    const program = `fetch('http://127.0.0.1:9090/api/v1/${path}').then(r => r.text()).then(console.log)`
    return booted.attempt('/usr/lib/sessiond/bin/node', '-e', program).stdout
  }
  const value = await until(
    'Prometheus has the limit',
    () => /"value":\[[^,]+,"([^"]+)"\]/.exec(ask('query?query=sessiond_sessions_limit'))?.[1] ?? null,
    60_000,
  ).catch(error => {
    throw new Error(`${error} ${ask('targets')} ${booted.log('prometheus')}`)
  })
  t.equal(value, '10')
  t.match(ask('rules'), 'instance:sessiond_sessions_in_use:ratio')
}

t.test('from the packages to a graph', { skip: cannotRun() }, newOperator)
