import { resolve } from 'node:path'
import type { ExitCode } from '../../src/cli/exit-codes.ts'
import { main as licensingServer } from '../../src/cli/licensing-server/program.ts'
import { main as sessionctl } from '../../src/cli/sessionctl/program.ts'
import { main as sessiond } from '../../src/cli/sessiond/program.ts'
import type { Terminal } from '../../src/cli/terminal.ts'
import type { ProgramName, RunOptions } from './programs.ts'

const programs = { sessiond, sessionctl, 'licensing-server': licensingServer }

export interface Invoked {
  code: ExitCode
  stdout: string
  stderr: string
}

/** Runs a command line within this process, which takes milliseconds where a process of its own takes a second. */
export async function invoke(name: ProgramName, args: string[], options: RunOptions = {}): Promise<Invoked> {
  const workingDirectory = options.cwd ?? process.cwd()
  let stdout = ''
  let stderr = ''
  const print = (line = '') => {
    stdout += `${line}\n`
  }
  const terminal: Terminal = {
    environment: options.env ?? {},
    workingDirectory,
    isInteractive: false,
    columns: 100,
    print,
    printJson: value => print(JSON.stringify(value, null, 2)),
    say: line => {
      stderr += `${line}\n`
    },
    progress: () => {},
    style: (_, text) => text,
    resolve: path => resolve(workingDirectory, path),
  }
  const code = await programs[name](args, terminal)
  return { code, stdout, stderr }
}
