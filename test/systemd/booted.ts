import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TearDown } from '../support/site.ts'
import { until } from '../support/until.ts'

const script = join(import.meta.dirname, 'booted.sh')
const project = join(import.meta.dirname, '../..')

/** Where the project is in there. */
export const installed = '/usr/lib/sessiond'

/** Why a systemd of its own cannot be booted here; false where it can. */
export function cannotBoot(): string | false {
  if (process.getuid?.() !== 0) return 'only root may boot a systemd in namespaces'
  const tools = ['unshare', 'nsenter', 'findmnt', 'ip', 'systemctl']
  const missing = tools.filter(tool => spawnSync('which', [tool]).status !== 0)
  if (missing.length > 0) return `${missing.join(', ')} is not on this machine`
  const namespaces = ['--fork', '--pid', '--mount', '--uts', '--ipc', '--net', '--cgroup']
  const trial = spawnSync('unshare', [...namespaces, 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], {
    encoding: 'utf8',
  })
  if (trial.status !== 0) return `namespaces are not allowed here: ${trial.stderr.trim()}`
  const cgroups = spawnSync('findmnt', ['-rn', '-t', 'cgroup2', '-o', 'OPTIONS'], { encoding: 'utf8' })
  return /(^|,)rw(,|$)/m.test(cgroups.stdout) ? false : 'there is no cgroup2 that could be written'
}

/** A root of Debian 13 with systemd 257, which test/systemd/make-trixie-root.sh makes. */
const trixie = join(process.env['SESSIOND_TEST_CACHE'] ?? '/var/cache/sessiond-test', 'trixie')

/** Why nothing can be booted on that root; false where it can. */
export function cannotBootTrixie(): string | false {
  const made = existsSync(join(trixie, 'usr/lib/systemd/systemd'))
  return made ? cannotBoot() : 'there is no root with systemd 257: test/systemd/make-trixie-root.sh makes it'
}

export interface BootedOptions {
  /** A folder that is `place` in there. */
  readonly folder?: string
  readonly place?: string
  /** The system: that of this machine, or Debian 13. */
  readonly system?: 'own' | 'trixie'
}

/** A machine that runs systemd; gone with the test. */
export class Booted {
  readonly #folder: string
  readonly #pid: string

  constructor(t: TearDown, options: BootedOptions = {}) {
    const { folder = project, place = installed, system = 'own' } = options
    this.#folder = mkdtempSync(join(tmpdir(), 'sessiond-booted-'))
    t.teardown(() => {
      spawnSync(script, ['stop', this.#folder], { stdio: 'ignore' })
      rmSync(this.#folder, { recursive: true, force: true })
    })
    const start = ['start', this.#folder, folder, place, system === 'own' ? '/' : trixie]
    const started = spawnSync(script, start, { encoding: 'utf8', timeout: 90_000 })
    if (started.status !== 0) throw new Error(`systemd did not boot: ${started.stderr}${started.error ?? ''}`)
    this.#pid = started.stdout.trim()
  }

  /** A file in there, as a path for a process out here. */
  path(inside: string): string {
    return `/proc/${this.#pid}/root${inside}`
  }

  /** Runs a command in there; what it printed. Fails where it fails. */
  run(...command: string[]): string {
    const { status, stdout, stderr } = this.attempt(...command)
    if (status !== 0) throw new Error(`${command.join(' ')}: ${status} ${stdout}${stderr}`)
    return stdout.trim()
  }

  attempt(...command: string[]): SpawnSyncReturns<string> {
    return spawnSync(script, ['exec', this.#folder, ...command], { encoding: 'utf8', timeout: 60_000 })
  }

  shell(text: string): string {
    return this.run('sh', '-ec', text)
  }

  /** A property of a unit. */
  show(unit: string, property: string): string {
    return this.run('systemctl', 'show', '--value', '-p', property, unit)
  }

  log(unit: string): string {
    return this.run('journalctl', '-o', 'cat', '-u', unit)
  }
}

/** The commands of docs/systemd.md, after what a package brings: programs, configuration, the vendor's root. */
export function install(booted: Booted): void {
  booted.shell(`
    ln -sf ${installed}/node_modules/node/bin/node /usr/local/bin/node
    for name in sessiond sessionctl licensing-server; do ln -sf ${installed}/dist/cli/$name.cjs /usr/bin/$name; done
    mkdir -p /etc/sessiond/trust
    echo 'log: {level: debug}' >/etc/sessiond/sessiond.yaml
    cp ${installed}/test/support/authority/trust/root.pem /etc/sessiond/trust`)
  const document = readFileSync(new URL('../../docs/systemd.md', import.meta.url), 'utf8')
  const commands = /^## Install$.*?^```sh\n(.*?)^```$/ms.exec(document)![1]!
  const [enable] = /systemctl enable.*$/m.exec(commands)!
  // What the daemon does when it is there is the matter of the tests; here only that it can be.
  booted.shell(`cd ${installed}\n${commands.replace(enable, enable.replace(' sessiond.service', ''))}`)
}

/** It answers its first client a moment before systemd has read that it is ready. */
export async function isStarted(booted: Booted): Promise<void> {
  const states: string[] = []
  await until('systemd knows that it is ready', () => {
    states.push(booted.show('sessiond', 'ActiveState'))
    const state = states.at(-1)
    if (state !== 'active' && state !== 'activating') throw new Error(`The unit went ${states.join(', ')}.`)
    return state === 'active'
  })
}

/** What the daemon in there says of itself. */
export function status(booted: Booted): Record<string, unknown> {
  return JSON.parse(booted.run('sessionctl', 'status', '--json'))
}
