/** One fenced block of a document: its info string in words, and its lines. */
export interface Fence {
  words: string[]
  lines: string[]
  /** Where it begins, for messages; counted from 1. */
  line: number
}

/** A command of a `console` block, and the lines that it is said to print. */
export interface ConsoleCommand {
  command: string
  expected: string[]
}

/** All fenced blocks of a Markdown text. */
export function fencesOf(markdown: string): Fence[] {
  const fences: Fence[] = []
  let open: Fence | undefined
  for (const [index, line] of markdown.split('\n').entries()) {
    if (open === undefined) {
      if (line.startsWith('```'))
        open = { words: line.slice(3).trim().split(/\s+/), lines: [], line: index + 1 }
    } else if (line === '```') {
      fences.push(open)
      open = undefined
    } else {
      open.lines.push(line)
    }
  }
  if (open !== undefined) throw new Error(`The block that begins at line ${open.line} has no end.`)
  return fences
}

/** `$ command` and what follows it. */
export function commandsOf(fence: Fence): ConsoleCommand[] {
  const commands: ConsoleCommand[] = []
  for (const line of fence.lines) {
    if (line.startsWith('$ ')) commands.push({ command: line.slice(2), expected: [] })
    else commands.at(-1)?.expected.push(line)
  }
  return commands
}

/** Whether a text is as a document shows it: `…` stands for any part of a line, alone on a line for any lines. */
export function patternOf(expected: string[]): RegExp {
  const parts = expected.map(line => {
    if (line === '…') return '(?:.*\\n)*'
    return `${line.split('…').map(escapeRegExp).join('.*')}\\n`
  })
  return new RegExp(`^${parts.join('')}$`)
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
