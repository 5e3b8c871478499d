import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type ProgramName, programFile, userEnvironment } from '../support/programs.ts'

export type { ProgramName }

export interface RunOptions {
  cwd?: string
  env?: Record<string, string>
}

export interface Finished {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

/** A program as users run it: a process of its own. */
export class RunningProgram {
  readonly child: ChildProcess
  stdout = ''
  stderr = ''
  readonly #finished: Promise<Finished>

  constructor(name: ProgramName, args: string[], options: RunOptions = {}) {
    this.child = spawn(process.execPath, [programFile(name), ...args], {
      cwd: options.cwd,
      env: { ...userEnvironment(), NO_COLOR: '1', FORCE_COLOR: undefined, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.child.stdout?.on('data', chunk => {
      this.stdout += chunk
    })
    this.child.stderr?.on('data', chunk => {
      this.stderr += chunk
    })
    this.#finished = once(this.child, 'close').then(([code, signal]) => {
      return { code, signal, stdout: this.stdout, stderr: this.stderr }
    })
  }

  finished(): Promise<Finished> {
    return this.#finished
  }

  /** Waits until what was printed so far, stdout before stderr, matches; fails where the program ends before. */
  async printed(pattern: RegExp): Promise<void> {
    const matches = () => pattern.test(`${this.stdout}\n${this.stderr}`)
    const ended = await waitFor(this.child, matches)
    if (ended && !matches()) throw new Error(`The program ended without printing ${pattern}: ${this.stderr}`)
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }
}

/** Looks again whenever a process prints something; resolves with true where it ended before. */
export function waitFor(child: ChildProcess, isSo: () => boolean): Promise<boolean> {
  const streams = [child.stdout, child.stderr].filter(stream => stream !== null)
  return new Promise(resolve => {
    const settle = (ended: boolean) => {
      for (const stream of streams) stream.off('data', look)
      child.off('close', close)
      resolve(ended)
    }
    const look = () => {
      if (isSo()) settle(false)
    }
    const close = () => settle(true)
    for (const stream of streams) stream.on('data', look)
    child.on('close', close)
    if (streams.every(stream => stream.readableEnded)) settle(true)
    else look()
  })
}

export function runProgram(name: ProgramName, args: string[], options: RunOptions = {}): Promise<Finished> {
  return new RunningProgram(name, args, options).finished()
}
