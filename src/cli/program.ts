import { readFileSync } from 'node:fs'
import yargs, { type ArgumentsCamelCase, type Argv, type CommandModule } from 'yargs'
import { Fault } from '../errors.ts'
import { type ExitCode, exitCode, exitCodeOfFault } from './exit-codes.ts'
import { processTerminal, reportFault, type Terminal } from './terminal.ts'

/** One command of a program: its words, its options, and what it does. */
export interface CommandSpec<T> {
  command: string
  describe: string
  builder(argv: Argv): Argv<T>
  /** Returns the exit code; a fault is thrown. */
  run(args: ArgumentsCamelCase<T>, terminal: Terminal): ExitCode | Promise<ExitCode>
}

/** A command that can be handed to `runProgram`. */
export type Command = CommandModule

/** `builder` and `run` of one command agree on their options; between commands they differ. */
export function defineCommand<T>(spec: CommandSpec<T>): Command {
  const { command, describe, builder, run } = spec
  const handler = async (args: ArgumentsCamelCase<T>) => {
    const terminal = processTerminal()
    try {
      process.exitCode = await run(args, terminal)
    } catch (error) {
      process.exitCode = exitCodeOfFault(reportFault(terminal, error, args['json'] === true))
    }
  }
  return { command, describe, builder, handler } as unknown as Command
}

/** A command that only holds others, such as `license` with `show`, `check` and `install`. */
export function commandGroup(command: string, describe: string, commands: Command[]): Command {
  return {
    command: `${command} <command>`,
    describe,
    builder: argv => withCommands(argv, commands),
    handler: () => {},
  }
}

function withCommands(argv: Argv, commands: Command[]): Argv {
  let result = argv
  for (const command of commands) result = result.command(command)
  return result.demandCommand(1, 'Name a command.')
}

/** The version in package.json, two folders above this file in `src` as in `dist`. */
export function programVersion(): string {
  const file = new URL('../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

export interface ProgramSpec {
  name: string
  describe: string
  commands: Command[]
  examples: [command: string, meaning: string][]
}

/** Parses the command line and runs one command. The process ends when nothing is left to do. */
export async function runProgram(spec: ProgramSpec, args: string[] = process.argv.slice(2)): Promise<void> {
  const program = yargs(args)
    .scriptName(spec.name)
    .usage(`${spec.describe}\n\nUsage: $0 <command> [options]`)
    // A dot belongs to the name of a flag (--listen.unix.path), it makes no objects.
    .parserConfiguration({ 'dot-notation': false, 'populate--': false })
    .locale('en')
    .strict()
    .recommendCommands()
    .example(spec.examples)
    .completion('completion', 'Print the script that completes this program in bash and zsh')
    .version(programVersion())
    .alias('help', 'h')
    .wrap(Math.min(110, process.stdout.columns ?? 100))
    .epilogue(
      'Exit codes: 0 done, 1 fault, 2 wrong usage or configuration, 3 the answer is no. Manual: docs/cli.md',
    )
    .exitProcess(false)
    .fail((message, error) => failUsage(spec.name, args, message, error))
  await withCommands(program, spec.commands).parseAsync()
}

/** Commands report their own faults: what arrives here was found while the command line was parsed. */
function failUsage(name: string, args: string[], message: string | null, error: Error | undefined): never {
  const isUsage = error === undefined || error.name === 'YError'
  const complaint = error?.message ?? message ?? 'The command line is wrong.'
  const text = complaint.startsWith('Did you mean') ? `There is no such command. ${complaint}` : complaint
  const fault = isUsage ? new Fault('usage', text, { hint: `See: ${name} --help` }) : error
  reportFault(processTerminal(), fault, args.includes('--json'))
  process.exit(isUsage ? exitCode.usage : exitCode.fault)
}
