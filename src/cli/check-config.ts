import { Document, isScalar, type Node } from 'yaml'
import { type ConfigKey, valueAt } from '../config/keys.ts'
import type { LoadedConfig } from '../config/load.ts'
import { configOfArgs, type ProgramConfig, withConfigFlags } from './config-flags.ts'
import { exitCode } from './exit-codes.ts'
import { type Command, defineCommand } from './program.ts'

/** The command `check-config` of a program. */
export function checkConfigOf<Config>(program: ProgramConfig<Config>): Command {
  return defineCommand({
    command: 'check-config',
    describe: 'Check the configuration and say what is wrong with it',
    builder: (argv, isHelp) =>
      withConfigFlags(argv, program, isHelp)
        .option('print', {
          type: 'boolean',
          default: false,
          describe: 'Print what is in force and who said so',
        })
        .option('json', { type: 'boolean', default: false, describe: 'Print JSON' }),
    run(args, terminal) {
      const loaded = configOfArgs(args, terminal, program)
      const keys = program.configKeys()
      for (const warning of loaded.warnings) terminal.say(`warning: ${warning}`)
      if (args.json) terminal.printJson(effectiveConfig(loaded, keys))
      else if (args.print) terminal.print(annotatedYaml(loaded, keys).trimEnd())
      terminal.say(`The configuration is good (${loaded.file ?? 'no file, defaults'}).`)
      return exitCode.ok
    },
  })
}

/** `default`, the name of a flag or a variable, or `file LINE:COL`. */
function sourceOf(loaded: LoadedConfig<unknown>, name: string): string {
  const source = loaded.sources.get(name)
  if (source === undefined) return 'default'
  return source.kind === 'file' ? source.where.replace(`${loaded.file}:`, 'file ') : source.where
}

/** Each key with its value and its source, by name. */
function effectiveConfig(
  loaded: LoadedConfig<unknown>,
  keys: ConfigKey[],
): Record<string, { value: unknown; source: string; where: string }> {
  const effective: Record<string, { value: unknown; source: string; where: string }> = {}
  for (const key of keys) {
    const value = valueAt(loaded.config, key.segments)
    if (value === undefined) continue
    const source = loaded.sources.get(key.name)
    effective[key.name] = { value, source: source?.kind ?? 'default', where: source?.where ?? 'default' }
  }
  return effective
}

/** The configuration as a file that can be used as one, with the source of each value in a comment. */
function annotatedYaml(loaded: LoadedConfig<unknown>, keys: ConfigKey[]): string {
  const document = new Document(loaded.config)
  for (const key of keys) {
    const node = document.getIn(key.segments, true) as Node | undefined
    if (node === undefined || node === null) continue
    const comment = ` ${sourceOf(loaded, key.name)}`
    if (isScalar(node)) node.comment = comment
    else node.commentBefore = comment
  }
  return document.toString({ lineWidth: 0 })
}
