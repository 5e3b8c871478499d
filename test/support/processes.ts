import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { TearDown } from './site.ts'

/** Field 22 of `/proc/PID/stat`. */
export function startTimeOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19])
}

export interface OtherProcess {
  readonly pid: number
  readonly startTime: number
  /** Ends it, and waits until it is gone. */
  kill(): Promise<void>
}

/** Starts a process that does nothing, to be named as the owner of calls. */
export function startProcess(t: TearDown): OtherProcess {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' })
  const exited = once(child, 'exit')
  const kill = async () => {
    child.kill('SIGKILL')
    await exited
  }
  t.teardown(kill)
  return { pid: child.pid!, startTime: startTimeOf(child.pid!), kill }
}

/** A program of the tests in a process of its own, spoken to in lines. */
export class TestProgram {
  readonly #child
  readonly #lines: string[] = []
  readonly #exited: Promise<unknown>

  constructor(t: TearDown, file: string, args: string[]) {
    this.#child = spawn(process.execPath, [file, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#exited = once(this.#child, 'exit')
    let rest = ''
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop()!
      this.#lines.push(...lines)
      this.#child.emit('line')
    })
    t.teardown(() => this.kill())
  }

  /** The next line that it prints. */
  async line(): Promise<string> {
    while (this.#lines.length === 0) {
      await Promise.race([
        once(this.#child, 'line'),
        this.#exited.then(() => {
          throw new Error('The program ended.')
        }),
      ])
    }
    return this.#lines.shift()!
  }

  say(line: string): void {
    this.#child.stdin.write(`${line}\n`)
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
  }
}
