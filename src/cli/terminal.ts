import { styleText } from 'node:util'
import { Fault, messageOf } from '../errors.ts'

type Style = Parameters<typeof styleText>[0]

/** The two streams of a command: what was asked for on stdout, everything else on stderr. */
export interface Terminal {
  /** Data: a line on stdout. */
  print(line?: string): void
  /** Data for programs: one JSON document on stdout. */
  printJson(value: unknown): void
  /** Talk: a line on stderr. */
  say(line: string): void
  /** Colors text for stdout, where stdout is a terminal and NO_COLOR does not forbid it. */
  style(style: Style, text: string): string
  /** True where a person watches stdout. */
  isInteractive: boolean
}

export function processTerminal(): Terminal {
  const { stdout, stderr } = process
  // A reader that has seen enough (`| head`) is no fault.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
  return {
    print: (line = '') => void stdout.write(`${line}\n`),
    printJson: value => void stdout.write(`${JSON.stringify(value, null, 2)}\n`),
    say: line => void stderr.write(`${line}\n`),
    style: (style, text) => styleText(style, text, { stream: stdout }),
    isInteractive: stdout.isTTY === true,
  }
}

/** Tells a fault: message and hint for people on stderr, with `--json` also the object for programs on stdout. */
export function reportFault(terminal: Terminal, error: unknown, json: boolean): string {
  const code = error instanceof Fault ? error.code : 'internal-error'
  const hint = error instanceof Fault ? error.hint : undefined
  terminal.say(`${styleText('red', 'error:', { stream: process.stderr })} ${messageOf(error)}`)
  if (hint !== undefined) terminal.say(`${styleText('cyan', 'hint:', { stream: process.stderr })} ${hint}`)
  if (!(error instanceof Fault) && error instanceof Error) terminal.say(error.stack ?? '')
  if (json) terminal.printJson({ error: { code, message: messageOf(error), hint: hint ?? null } })
  return code
}
