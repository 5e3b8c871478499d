import type { Argv, CommandModule, Options } from 'yargs'
import type { Command, ProgramSpec } from '../../../src/cli/program.ts'

/** A command as its own definition has it. */
export interface RecordedCommand {
  /** With its arguments, such as `license check <file>`. */
  readonly words: string
  readonly describe: string
  readonly options: readonly { readonly name: string; readonly option: Options }[]
  readonly arguments: readonly { readonly name: string; readonly option: Options }[]
}

/** Every command of a program; those that only hold others give way to these. */
export function commandsOf(program: ProgramSpec): RecordedCommand[] {
  return program.commands.flatMap(command => recorded(command, ''))
}

function recorded(command: Command, before: string): RecordedCommand[] {
  const terminal = {} as never
  return ofModule(command({ terminal, code: 0, path: [] }), before)
}

/** Has the command describe itself to something that takes notes where yargs would parse. */
function ofModule(module: CommandModule, before: string): RecordedCommand[] {
  const words = `${before}${String(module.command)}`
  const options: { name: string; option: Options }[] = []
  const positionals: { name: string; option: Options }[] = []
  const inner: RecordedCommand[] = []
  const notes: Record<string, (...args: never[]) => void> = {
    option: (name: string, option: Options) => void options.push({ name, option }),
    positional: (name: string, option: Options) => void positionals.push({ name, option }),
    command: (one: CommandModule) => void inner.push(...ofModule(one, `${words} `)),
  }
  const recorder: Argv = new Proxy({} as Argv, {
    get:
      (_, method: string) =>
      (...args: never[]) => {
        notes[method]?.(...args)
        return recorder
      },
  })
  const builder = module.builder as ((argv: Argv, isHelp: boolean) => void) | undefined
  builder?.(recorder, true)
  if (inner.length > 0) return inner
  return [{ words, describe: String(module.describe), options, arguments: positionals }]
}
