import { resolve } from 'node:path'
import { styleText } from 'node:util'
import { Fault, messageOf } from '../errors.ts'
import { journalPriority } from '../systemd/journal-priority.ts'

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
  /** How far something has come: one line on stderr, written over the one before; null takes it away. Only people see it. */
  progress(line: string | null): void
  /** Colors text for one of the streams, where that is a terminal and NO_COLOR does not forbid it. */
  style(style: Style, text: string, stream?: 'stdout' | 'stderr'): string
  /** The absolute path of a file that was named on the command line. */
  resolve(path: string): string
}

/**
 * What a terminal would obey in names and messages that others wrote: controls, and marks that turn the direction of
 * writing around. Line breaks stay, and so do the colors of our styles and a screen that is cleared before all else.
 */
const OBEYED =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
  /(?!\u001b\[(?:1|22|3[1-69])m)(?!^\u001b\[H\u001b\[2J)(?<!^\u001b\[H)[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/** The text with such characters shown as `\u001b`. */
export function harmless(text: string): string {
  return text.replace(OBEYED, character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
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
    print: (line = '') => void stdout.write(`${harmless(line)}\n`),
    printJson: value => void stdout.write(`${harmless(JSON.stringify(value, null, 2))}\n`),
    say: line => void stderr.write(`${harmless(line)}\n`),
    progress: line => {
      if (stderr.isTTY === true) stderr.write(`\r\u001b[K${harmless(line ?? '')}`)
    },
    style: (style, text, stream = 'stdout') => styleText(style, text, { stream: process[stream] }),
    resolve: path => resolve(path),
  }
}

/** Tells a fault: message and hint for people on stderr, with `json` also the object for programs on stdout. */
export function reportFault(terminal: Terminal, error: unknown, json: boolean): string {
  const code = error instanceof Fault ? error.code : 'internal-error'
  const hint = error instanceof Fault ? error.hint : undefined
  const fault = `${terminal.style('red', 'error:', 'stderr')} ${messageOf(error)}`
  const prioritized = journalPriority(2, terminal.environment)
  for (const line of fault.split('\n')) terminal.say(prioritized('error', line))
  if (hint !== undefined) terminal.say(`${terminal.style('cyan', 'hint:', 'stderr')} ${hint}`)
  if (!(error instanceof Fault) && error instanceof Error) terminal.say(error.stack ?? '')
  if (json) terminal.printJson({ error: { code, message: messageOf(error), hint: hint ?? null } })
  return code
}
