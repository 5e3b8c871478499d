import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { type Invoked, invoke } from '../cli/invoke.ts'
import { type Finished, RunningProgram, runProgram } from '../cli/programs.ts'
import { openClient } from '../support/daemon.ts'
import { makeMachineRoot } from '../support/machine-root.ts'
import type { RawClient } from '../support/raw-client.ts'
import type { TearDown } from '../support/site.ts'

const preload = fileURLToPath(new URL('turned-clock.ts', import.meta.url))

/** A vendor and its customer's machines: folders of one machine, and every program a process of its own. */
export class Scene {
  readonly folder = mkdtempSync(join(tmpdir(), 'sessiond-e2e-'))
  readonly #t: TearDown
  readonly #clock = join(this.folder, 'clock')
  #server: RunningProgram | null = null
  #aheadMs = 0
  url = ''

  constructor(t: TearDown) {
    this.#t = t
    this.turn(0)
    t.teardown(() => rmSync(this.folder, { recursive: true, force: true }))
  }

  /** The environment of every program: the same wall clock for all. */
  get env(): Record<string, string> {
    return { NODE_OPTIONS: `--import=${preload}`, TURNED_CLOCK: this.#clock }
  }

  /** Turns the wall clock of every process ahead. */
  turn(ms: number): void {
    this.#aheadMs += ms
    writeFileSync(this.#clock, `${this.#aheadMs}`)
  }

  /** A command of the vendor, on the ledger that the server works on; fails where it does. */
  async vendor(command: string, ...more: string[]): Promise<Invoked> {
    const args = [...command.split(' '), ...more, '--config', 'licensing-server.yaml']
    const result = await invoke('licensing-server', args, { cwd: this.folder })
    if (result.code !== 0) throw new Error(`licensing-server ${command}: ${result.code} ${result.stderr}`)
    return result
  }

  /** What a command of the vendor prints for programs. */
  // biome-ignore lint/suspicious/noExplicitAny: JSON of any command; the test says what it expects
  async ask(command: string, ...more: string[]): Promise<any> {
    return JSON.parse((await this.vendor(command, ...more, '--json')).stdout)
  }

  /** Makes the authority and the configuration of the licensing server. */
  async found(): Promise<void> {
    const settings = {
      listen: { port: 0 },
      operations: { enabled: false },
      authority: { directory: 'authority' },
      ledger: { location: join(this.folder, 'ledger.sqlite') },
      shutdown: { drainMs: 0 },
    }
    writeFileSync(join(this.folder, 'licensing-server.yaml'), stringify(settings))
    const args = ['init', '--dir', 'authority', '--organization', 'Example Telephony']
    const { code, stderr } = await runProgram('licensing-server', args, { cwd: this.folder, env: this.env })
    if (code !== 0) throw new Error(stderr)
  }

  /** Starts the licensing server; again at the address that it had before. */
  async startServer(): Promise<void> {
    const port = this.url === '' ? [] : ['--listen.port', new URL(this.url).port]
    const args = ['run', '--config', 'licensing-server.yaml', ...port]
    const server = new RunningProgram('licensing-server', args, { cwd: this.folder, env: this.env })
    this.#server = server
    this.#t.teardown(() => server.child.kill('SIGKILL'))
    await server.printed(/licensing-server listens/)
    this.url = /"url":"([^"]+)"/.exec(server.stdout)![1]!
  }

  async stopServer(): Promise<void> {
    this.#server?.signal('SIGTERM')
    await this.#server?.finished()
  }

  /** One more machine, with facts of its own. */
  machine(name: string): Machine {
    return new Machine(this, this.#t, name)
  }
}

/** A customer's machine: a folder with configuration, facts, state and license. */
export class Machine {
  readonly name: string
  readonly folder: string
  readonly #scene: Scene
  readonly #t: TearDown
  #daemon: RunningProgram | null = null

  constructor(scene: Scene, t: TearDown, name: string) {
    this.#scene = scene
    this.#t = t
    this.name = name
    this.folder = join(scene.folder, name)
    mkdirSync(this.folder, { recursive: true })
    makeMachineRoot(join(this.folder, 'root'))
    this.configure()
  }

  /** Writes the configuration; every machine sets what differs. */
  configure(reactivation: { owner?: string; intervalSeconds?: number } = {}): void {
    const settings = {
      listen: { unix: { path: 'run/d.sock' } },
      operations: { port: 0 },
      license: { file: 'license.jws', trustDirectory: join(this.#scene.folder, 'authority', 'trust') },
      licensingServer: { url: this.#scene.url },
      reactivation,
      machine: { root: 'root' },
      stateDirectory: 'state',
      runtimeDirectory: 'run',
      shutdown: { drainMs: 0 },
    }
    writeFileSync(join(this.folder, 'sessiond.yaml'), stringify(settings))
  }

  /** A command of the operator on this machine, within the process of the test. */
  ctl(command: string, ...more: string[]): Promise<Invoked> {
    const args = [...command.split(' '), ...more, '--config', 'sessiond.yaml']
    return invoke('sessionctl', args, { cwd: this.folder })
  }

  /** The same in a process of its own, which takes as long as a hundred of the others. */
  process(command: string, ...more: string[]): Promise<Finished> {
    const args = [...command.split(' '), ...more, '--config', 'sessiond.yaml']
    return runProgram('sessionctl', args, { cwd: this.folder, env: this.#scene.env })
  }

  /** Activates with a key, which lies in a file. */
  activate(key: string, ...more: string[]): Promise<Invoked> {
    this.write('installation.key', `${key}\n`)
    return this.ctl('activate --key-file installation.key', ...more)
  }

  async startDaemon(): Promise<void> {
    const options = { cwd: this.folder, env: this.#scene.env }
    const daemon = new RunningProgram('sessiond', ['run', '--config', 'sessiond.yaml'], options)
    this.#daemon = daemon
    this.#t.teardown(() => daemon.child.kill('SIGKILL'))
    await daemon.printed(/sessiond listens/)
  }

  /** Has the daemon read its configuration again. */
  reload(): void {
    this.#daemon?.signal('SIGHUP')
  }

  /** A connection to the daemon. */
  connect(): Promise<RawClient> {
    return openClient(this.#t, { path: join(this.folder, 'run/d.sock') })
  }

  /** The name of this installation in the ledger. */
  async installationId(): Promise<string> {
    const shown = await this.ctl('license show license.jws --json')
    return JSON.parse(shown.stdout).license.installationId
  }

  file(name: string): string {
    return join(this.folder, name)
  }

  /** A copy of the whole machine as it is now, disk and hardware. */
  clone(name: string): Machine {
    const copy = this.#scene.machine(name)
    rmSync(copy.folder, { recursive: true })
    execFileSync('cp', ['-a', this.folder, copy.folder])
    return copy
  }

  write(name: string, text: string): void {
    writeFileSync(this.file(name), text)
  }
}
