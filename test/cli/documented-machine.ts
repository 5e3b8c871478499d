import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { stringify } from 'yaml'
import { makeMachineRoot } from '../support/machine-root.ts'
import { type ProgramName, programFile, userEnvironment } from '../support/programs.ts'
import { until } from '../support/until.ts'
import { RunningProgram } from './programs.ts'

/** What the documents call by the names that it has on a machine of its own. */
export interface Ports {
  readonly operations: number
  readonly licensing: number
}

/**
 * A machine as documents speak of it, below a folder: `/etc`, `/var` and `/run` in commands are those of the folder,
 * the programs are the real ones, and so is what `systemctl` starts and stops; only systemd itself is not there.
 */
export class DocumentedMachine {
  readonly folder: string
  readonly #test: Test
  readonly #service: ProgramName
  readonly #ports: Ports
  #running: RunningProgram | undefined

  constructor(test: Test, folder: string, service: 'sessiond' | 'licensing-server', ports: Ports) {
    this.#test = test
    this.folder = folder
    this.#service = service
    this.#ports = ports
    for (const name of ['bin', 'home', 'run', `etc/${service}`, `var/lib/${service}`]) {
      mkdirSync(join(folder, name), { recursive: true, mode: 0o700 })
    }
    for (const name of ['sessiond', 'sessionctl', 'licensing-server'] as const) {
      const file = join(folder, 'bin', name)
      writeFileSync(file, `#!/bin/sh\nexec '${process.execPath}' '${programFile(name)}' "$@"\n`)
      chmodSync(file, 0o755)
    }
    const config = service === 'sessiond' ? this.#daemonConfig() : this.#serverConfig()
    writeFileSync(this.#configFile, stringify(config))
    if (service === 'sessiond') makeMachineRoot(join(folder, 'facts'))
    test.teardown(() => this.#stop())
  }

  get #configFile(): string {
    return join(this.folder, 'etc', this.#service, `${this.#service}.yaml`)
  }

  #daemonConfig(): object {
    const { folder } = this
    return {
      listen: { unix: { path: join(folder, 'run/sessiond/sessiond.sock') } },
      operations: { port: this.#ports.operations },
      license: {
        file: join(folder, 'var/lib/sessiond/license.jws'),
        trustDirectory: join(folder, 'etc/sessiond/trust'),
      },
      stateDirectory: join(folder, 'var/lib/sessiond'),
      runtimeDirectory: join(folder, 'run/sessiond'),
      licensingServer: { url: `http://127.0.0.1:${this.#ports.licensing}` },
      machine: { root: join(folder, 'facts') },
      shutdown: { drainMs: 0 },
    }
  }

  #serverConfig(): object {
    return {
      listen: { port: this.#ports.licensing },
      operations: { enabled: false },
      authority: { directory: join(this.folder, 'var/lib/licensing-server/authority') },
      ledger: { location: join(this.folder, 'var/lib/licensing-server/ledger.sqlite') },
      shutdown: { drainMs: 0 },
    }
  }

  /** Types a command; what it printed, as a terminal shows it, and its exit code. */
  async type(command: string): Promise<{ output: string; code: number | null }> {
    const [program, action, ...units] = command.split(' ')
    if (program === 'systemctl') {
      if (units.some(unit => unit.replace(/\.service$/, '') === this.#service)) await this.#control(action!)
      return { output: '', code: 0 }
    }
    const here = command
      .replaceAll(/(?<=[ "=])\/(?=(etc|var|run)\/)/g, `${this.folder}/`)
      .replace('tar -C / ', `tar -C ${this.folder} `)
      .replace(':7789/', `:${this.#ports.operations}/`)
    const child = spawn('bash', ['-c', `${here} 2>&1`], {
      cwd: join(this.folder, 'home'),
      env: {
        ...userEnvironment(),
        NO_COLOR: '1',
        PATH: `${join(this.folder, 'bin')}:${process.env['PATH']}`,
        [`${this.#service.toUpperCase().replace('-', '_')}_CONFIG`]: this.#configFile,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', chunk => {
      output += chunk
    })
    const [code] = await once(child, 'close')
    return { output, code }
  }

  async #control(action: string): Promise<void> {
    if (action === 'reload') return this.#running?.signal('SIGHUP')
    if (action === 'stop') return this.#stop()
    if (action !== 'start') throw new Error(`No document says: systemctl ${action}`)
    const running = new RunningProgram(this.#service, ['run', '--config', this.#configFile])
    this.#running = running
    const path = this.#service === 'sessiond' ? this.#ports.operations : this.#ports.licensing
    const answers = () => fetch(`http://127.0.0.1:${path}/healthz`).then(({ ok }) => ok)
    await until(
      `${this.#service} answers`,
      () => {
        if (running.child.exitCode !== null) throw new Error(`${running.stdout}${running.stderr}`)
        return answers().catch(() => false)
      },
      60_000,
    )
    this.#test.comment(`${this.#service} runs`)
  }

  async #stop(): Promise<void> {
    this.#running?.signal('SIGTERM')
    await this.#running?.finished()
    this.#running = undefined
  }
}
