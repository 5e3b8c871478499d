import type { Simulation, TermChange } from './simulate-license.ts'

/** What would change, for people. */
export function simulationLines({ verdict, changes, use }: Simulation): string[] {
  const lines = verdict.ok
    ? ['It would be accepted.']
    : [
        `It would not be accepted: ${verdict.problem.message} (${verdict.problem.code})`,
        `→ ${verdict.problem.hint}`,
      ]
  if (verdict.license === undefined) return lines
  if (!verdict.ok) lines.push('What it says, compared with the license that is there:')
  if (changes.length === 0) lines.push('No term would change.')
  const width = Math.max(0, ...changes.map(({ term }) => term.length))
  for (const change of changes) lines.push(changeLine(change, width))
  if (use === null) return [...lines, 'sessiond is not running, so nothing is in use.']
  lines.push(`In use now: ${use.inUse}; the limit would be ${use.limit}.`)
  if (use.above > 0) {
    lines.push(
      `That is ${use.above} above it. None of them is dropped; new ones are refused until ${use.above + 1} have ended.`,
    )
  }
  for (const { name, feature, inUse } of use.withoutFeature) {
    lines.push(
      `The application ${name} (${inUse} in use) would get no new session: its feature ${feature} is missing.`,
    )
  }
  return lines
}

function changeLine({ term, before, after }: TermChange, width: number): string {
  return `  ${term.padEnd(width)}  ${valueText(before)} -> ${valueText(after)}`
}

function valueText(value: unknown): string {
  if (value === null) return 'none'
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.join(', ')
  return typeof value === 'string' ? value : JSON.stringify(value)
}
