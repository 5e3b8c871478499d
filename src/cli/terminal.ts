import { resolve } from 'node:path'
import { styleText } from 'node:util'
import { Fault, messageOf } from '../errors.ts'

type Style = Parameters<typeof styleText>[0]

/** Where a command runs: what was asked for goes to stdout, everything else to stderr. */
export interface Terminal {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly workingDirectory: string
  /** True where a person watches stdout. */
  readonly isInteractive: boolean
  /** Characters in a line, for the help. */
  readonly columns: number
  /** Data: a line on stdout. */
  print(line?: string): void
  /** Data for programs: one JSON document on stdout. */
  printJson(value: unknown): void
  /** Talk: a line on stderr. */
  say(line: string): void
  /** Colors text for one of the streams, where that is a terminal and NO_COLOR does not forbid it. */
  style(style: Style, text: string, stream?: 'stdout' | 'stderr'): string
  /** The absolute path of a file that was named on the command line. */
  resolve(path: string): string
}

export function processTerminal(): Terminal {
  const { stdout, stderr } = process
  // A reader that has seen enough (`| head`) is no fault.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
  return {
    environment: process.env,
    workingDirectory: process.cwd(),
    isInteractive: stdout.isTTY === true,
    columns: stdout.columns ?? 100,
    print: (line = '') => void stdout.write(`${line}\n`),
    printJson: value => void stdout.write(`${JSON.stringify(value, null, 2)}\n`),
    say: line => void stderr.write(`${line}\n`),
    style: (style, text, stream = 'stdout') => styleText(style, text, { stream: process[stream] }),
    resolve: path => resolve(path),
  }
}

/** Tells a fault: message and hint for people on stderr, with `json` also the object for programs on stdout. */
export function reportFault(terminal: Terminal, error: unknown, json: boolean): string {
  const code = error instanceof Fault ? error.code : 'internal-error'
  const hint = error instanceof Fault ? error.hint : undefined
  terminal.say(`${terminal.style('red', 'error:', 'stderr')} ${messageOf(error)}`)
  if (hint !== undefined) terminal.say(`${terminal.style('cyan', 'hint:', 'stderr')} ${hint}`)
  if (!(error instanceof Fault) && error instanceof Error) terminal.say(error.stack ?? '')
  if (json) terminal.printJson({ error: { code, message: messageOf(error), hint: hint ?? null } })
  return code
}
