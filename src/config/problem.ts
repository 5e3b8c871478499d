import { Fault } from '../errors.ts'

/** One thing that is wrong with the configuration. */
export interface ConfigProblem {
  /** Where it was said: `FILE:LINE:COL`, the name of an environment variable or a flag. */
  where: string
  /** The key it is about, such as `listen.tcp.port`; empty where a whole file cannot be read as YAML. */
  key: string
  /** Completes the sentence that starts with the key. */
  message: string
}

export function formatProblem(problem: ConfigProblem): string {
  const subject = problem.key === '' ? '' : `key '${problem.key}' `
  return `${problem.where}: ${subject}${problem.message}`
}

/** All problems of a configuration at once, so that one look at it is enough to mend it. */
export class ConfigFault extends Fault {
  readonly problems: readonly ConfigProblem[]

  /** @param checkCommand tries the configuration again, such as `sessiond check-config` */
  constructor(problems: readonly ConfigProblem[], checkCommand: string) {
    const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`
    const lines = problems.map(problem => `  ${formatProblem(problem)}`)
    super('config-invalid', `The configuration has ${count}, so it is not used:\n${lines.join('\n')}`, {
      hint: `Mend it, then try it with: ${checkCommand}`,
    })
    this.problems = problems
  }
}

/** A value as it is quoted in a message: short, on one line. */
export function quoteValue(value: unknown): string {
  const text = typeof value === 'string' ? `'${value}'` : (JSON.stringify(value) ?? String(value))
  const line = text.replace(/\s+/g, ' ')
  return line.length <= 60 ? line : `${line.slice(0, 57)}…`
}
