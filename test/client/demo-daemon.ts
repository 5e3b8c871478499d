import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RunningProgram } from '../cli/programs.ts'

/**
 * The daemon as a process of its own, with a real license of a demonstration authority. Its keys are made at
 * the first start, which takes a while; so one of these serves all tests of a file.
 */
export class DemoDaemon {
  readonly folder = mkdtempSync(join(tmpdir(), 'demo-'))
  readonly runtimeFolder = join(this.folder, 'run')
  readonly socketPath = join(this.runtimeFolder, 'sessiond.sock')
  #program: RunningProgram | undefined

  /** Starts it with a license for so many sessions, and resolves when it listens. */
  async start(sessions: number): Promise<void> {
    await this.#run(['demo', '--dir', this.folder, '--sessions', String(sessions)])
  }

  /** Starts it as `sessiond run` with further flags, after it was started once; gives the TCP port. */
  async runWith(flags: string[]): Promise<number> {
    const printed = await this.#run(['run', '--config', join(this.folder, 'sessiond.yaml'), ...flags])
    return Number(/"port":(\d+)/.exec(printed)?.[1])
  }

  /** kill -9. */
  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.#program?.finished()
  }

  /** Lets it stop in order. */
  async stop(): Promise<void> {
    this.signal('SIGTERM')
    await this.#program?.finished()
  }

  signal(signal: NodeJS.Signals): void {
    this.#program?.signal(signal)
  }

  /** Takes its journal away, as a restart of the machine does. */
  forget(): void {
    rmSync(this.runtimeFolder, { recursive: true, force: true })
  }

  async dispose(): Promise<void> {
    await this.kill()
    rmSync(this.folder, { recursive: true, force: true })
  }

  async #run(args: string[]): Promise<string> {
    const program = new RunningProgram('sessiond', args)
    this.#program = program
    await program.printed(/sessiond listens/)
    return program.stdout
  }
}
