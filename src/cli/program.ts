import yargs, { type ArgumentsCamelCase, type Argv, type CommandModule } from 'yargs'
import { Fault } from '../errors.ts'
import { type ExitCode, exitCode, exitCodeOfFault } from './exit-codes.ts'
import { reportFault, type Terminal } from './terminal.ts'
import { programVersion } from './version.ts'

/** One command of a program: its words, its options, and what it does. */
export interface CommandSpec<T> {
  command: string
  describe: string
  /** @param isHelp whether help or completion was asked for, which show the options */
  builder(argv: Argv, isHelp: boolean): Argv<T>
  /** Returns the exit code; a fault is thrown. */
  run(args: ArgumentsCamelCase<T>, terminal: Terminal): ExitCode | Promise<ExitCode>
}

/** One run of a program: where it runs, and how it ends. */
interface Run {
  terminal: Terminal
  code: ExitCode
  /** The commands that were entered, such as `sessions`, `show <id>`: what is wrong with the rest is told by them. */
  path: string[]
}

/** A command that can be handed to `runProgram`. */
export type Command = (run: Run) => CommandModule

/** `builder` and `run` of one command agree on their options; between commands they differ. */
export function defineCommand<T>(spec: CommandSpec<T>): Command {
  return current => {
    const { command, describe } = spec
    const builder = (argv: Argv, isHelp: boolean) => {
      current.path.push(command)
      return spec.builder(argv, isHelp)
    }
    const handler = async (args: ArgumentsCamelCase<T>) => {
      try {
        current.code = await spec.run(args, current.terminal)
      } catch (error) {
        current.code = exitCodeOfFault(reportFault(current.terminal, error, args['json'] === true))
      }
    }
    return { command, describe, builder, handler } as unknown as CommandModule
  }
}

/** A command that only holds others, such as `license` with `show`, `check` and `install`. */
export function commandGroup(command: string, describe: string, commands: Command[]): Command {
  return current => ({
    command,
    describe,
    builder: argv => {
      current.path.push(command)
      return withCommands(argv, commands, current)
    },
    handler: () => {},
  })
}

/** Of `show <id>`: `show`. */
function wordOf(command: string): string {
  return command.split(' ')[0]!
}

function withCommands(argv: Argv, commands: Command[], current: Run): Argv {
  let result = argv
  for (const command of commands) result = result.command(command(current))
  return result.demandCommand(1, 'Name a command.')
}

export interface ProgramSpec {
  name: string
  describe: string
  commands: Command[]
  examples: [command: string, meaning: string][]
}

/** Parses a command line, runs its command and returns the exit code. */
export async function runProgram(spec: ProgramSpec, args: string[], terminal: Terminal): Promise<ExitCode> {
  const current: Run = { terminal, code: exitCode.ok, path: [] }
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
    .wrap(Math.min(110, terminal.columns))
    .epilogue(
      'Exit codes: 0 done, 1 fault, 2 wrong usage or configuration, 3 the answer is no, 75 try later. Manual: docs/cli.md',
    )
    .exitProcess(false)
    .fail((message, error) => {
      throw error?.name === 'YError' || !error
        ? usageFault([spec.name, ...current.path], error?.message ?? message)
        : error
    })
  try {
    await withCommands(program, spec.commands, current).parseAsync()
  } catch (error) {
    // Commands report their own faults: what arrives here was found while the command line was parsed.
    return exitCodeOfFault(reportFault(terminal, error, args.includes('--json')))
  }
  return current.code
}

function usageFault(entered: string[], complaint: string | null): Fault {
  const words = entered.map(wordOf).join(' ')
  return new Fault('usage', usageMessage(entered.join(' '), complaint ?? 'The command line is wrong.'), {
    hint: `See: ${words} --help`,
  })
}

/** What yargs complains of, in words of the command line. */
function usageMessage(usage: string, complaint: string): string {
  if (complaint.startsWith('Did you mean')) return `There is no such command. ${complaint}`
  if (complaint.startsWith('Not enough non-option arguments')) return `Something is missing: ${usage}`
  const wrong = /^Invalid values:\n +Argument: (\S+), Given: (.+), Choices: (.+)$/.exec(complaint)
  return wrong === null ? complaint : `--${wrong[1]} cannot be ${wrong[2]}. It is one of: ${wrong[3]}`
}
