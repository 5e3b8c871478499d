import { stripTypeScriptTypes } from 'node:module'
import { relative } from 'node:path'
import { filesBelow, ROOT, readText, withoutComments } from './architecture/source.ts'

// Run after the tests: says whether they cover what they must, and exits with 1 where they do not.

/** Folders of which every line, branch and function must be covered. */
const WHOLE = ['src/license/', 'src/session/', 'src/protocol/']
const LEAST_PERCENT = 90

const KINDS = ['lines', 'branches', 'functions', 'statements'] as const
type Covered = Record<(typeof KINDS)[number], { total: number; covered: number; pct: number }>

/** Whether anything of the file is left when the program runs. */
function runs(path: string): boolean {
  return withoutComments(stripTypeScriptTypes(readText(path))).trim() !== ''
}

const report: Record<string, Covered> = JSON.parse(readText('.tap/report/coverage-summary.json'))
const files = new Map(Object.entries(report).map(([path, covered]) => [relative(ROOT, path), covered]))
const problems: string[] = []
let total = 0
let covered = 0

for (const path of filesBelow('src', '.ts')) {
  const file = files.get(path)
  if (file === undefined) {
    if (!runs(path)) continue
    total += readText(path).split('\n').length
    problems.push(...(WHOLE.some(folder => path.startsWith(folder)) ? [`${path} is never run`] : []))
    continue
  }
  total += file.lines.total
  covered += file.lines.covered
  if (!WHOLE.some(folder => path.startsWith(folder))) continue
  for (const kind of KINDS) if (file[kind].pct < 100) problems.push(`${path}: ${file[kind].pct} % of ${kind}`)
}

const percent = Math.floor((covered / total) * 1000) / 10
console.log(`Lines covered: ${percent} % of src, and ${WHOLE.join(', ')} must be whole.`)
if (percent < LEAST_PERCENT)
  problems.push(`src: ${percent} % of lines, at least ${LEAST_PERCENT} % are asked for`)
for (const problem of problems) console.error(problem)
if (problems.length > 0) process.exitCode = 1
