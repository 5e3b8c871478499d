import { type ConfigArgs, configReader } from '../config-flags.ts'
import { type ExitCode, exitCodeOfFault } from '../exit-codes.ts'
import { processTerminal, reportFault, type Terminal } from '../terminal.ts'
import { daemonConfig } from './daemon-config.ts'
import { serve } from './serve.ts'

export async function main(args: string[], terminal: Terminal = processTerminal()): Promise<ExitCode> {
  const plain = plainRun(args)
  if (plain === null) {
    const [{ runProgram }, { commands }] = await Promise.all([
      import('../program.ts'),
      import('./commands.ts'),
    ])
    return runProgram(commands, args, terminal)
  }
  try {
    return await serve(configReader(plain, terminal, daemonConfig))
  } catch (error) {
    return exitCodeOfFault(reportFault(terminal, error, false))
  }
}

/**
 * The flags of `run --name value …`, as a service is started; null for whatever else yargs must judge. Loading
 * yargs for them would take an eighth of the start.
 */
export function plainRun(args: readonly string[]): ConfigArgs | null {
  const [command, ...rest] = args
  if (command !== 'run' || rest.length % 2 !== 0) return null
  const known = new Set(['config', ...daemonConfig.configKeys().map(({ name }) => name)])
  const flags = new Map<string, string>()
  for (let index = 0; index < rest.length; index += 2) {
    const [flag, value] = [rest[index]!, rest[index + 1]!]
    const name = flag.slice('--'.length)
    if (!flag.startsWith('--') || !known.has(name) || flags.has(name)) return null
    if (value === '' || value.startsWith('-')) return null
    flags.set(name, value)
  }
  return { config: undefined, ...Object.fromEntries(flags) }
}
