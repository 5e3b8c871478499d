import { readFileSync } from 'node:fs'

const TEXT = readFileSync(new URL('../../docs/PROTOCOL.md', import.meta.url), 'utf8')

/** One JSON example of docs/PROTOCOL.md. */
export interface Example {
  readonly from: 'client' | 'server'
  readonly text: string
  /** Line in the document. */
  readonly line: number
}

/** All examples, in their order. */
export function examples(): Example[] {
  return [...TEXT.matchAll(/^```json (client|server)\n(.*?)\n```$/gms)].map(([, from, text], index) => ({
    from: from as 'client' | 'server',
    text: text!,
    line: TEXT.slice(0, [...TEXT.matchAll(/^```json (client|server)\n/gm)][index]!.index).split('\n').length,
  }))
}

/** The section under a heading of the second level, without it. */
export function section(heading: string): string {
  const [, rest] = TEXT.split(`\n## ${heading}\n`)
  if (rest === undefined) throw new Error(`docs/PROTOCOL.md has no section "${heading}"`)
  return rest.split('\n## ')[0]!
}

/** The cells of the rows of the first table in a section, without its head. */
export function table(heading: string): string[][] {
  const rows = section(heading)
    .split('\n')
    .filter(line => line.startsWith('|'))
  return rows.slice(2).map(row =>
    row
      .split('|')
      .slice(1, -1)
      .map(cell => cell.trim()),
  )
}

/** The words in backquotes at the head of a cell. */
export function word(cell: string | undefined): string {
  return /^`([^`]+)`/.exec(cell ?? '')?.[1] ?? ''
}
