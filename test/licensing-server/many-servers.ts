import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Answer } from '../../src/licensing-server/service.ts'
import { Machine } from './vendor.ts'

export interface Asked {
  request: string
  installationKey: string
}

/** Requests of so many new machines, each for so many sessions. */
export async function requestsOf(
  number: number,
  sessions: number,
  installationKey: string,
): Promise<Asked[]> {
  return Promise.all(
    Array.from({ length: number }, async () => ({
      request: await new Machine().request({ sessions }),
      installationKey,
    })),
  )
}

export const granted = (answers: (Answer | undefined)[]) =>
  answers.filter(answer => answer?.kind === 'license')

/** A licensing server in a process of its own, which answers what it is asked all at once: see server-process.ts. */
export class ServerProcess {
  readonly answers: (Answer | undefined)[] = []
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>

  constructor(location: string, dieAfter?: number) {
    const program = join(import.meta.dirname, 'server-process.ts')
    this.#child = spawn(
      process.execPath,
      [program, location, ...(dieAfter === undefined ? [] : [`${dieAfter}`])],
      {
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    )
    const lines = createInterface({ input: this.#child.stdout! })
    lines.on('line', line => {
      const { index, answer } = JSON.parse(line) as { index: number; answer: Answer }
      this.answers[index] = answer
    })
    this.#ended = Promise.all([once(lines, 'close'), once(this.#child, 'exit')])
    // A process that dies takes no more input, and that is the point.
    this.#child.stdin!.on('error', () => {})
  }

  ask(asked: Asked[]): void {
    for (const one of asked) this.#child.stdin!.write(`${JSON.stringify(one)}\n`)
  }

  async end(): Promise<(Answer | undefined)[]> {
    this.#child.stdin!.end()
    await this.#ended
    return this.answers
  }

  async ended(): Promise<void> {
    await this.#ended
  }
}
