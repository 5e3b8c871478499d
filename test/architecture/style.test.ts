import { basename } from 'node:path'
import t from 'tap'
import { filesBelow, sourceFiles } from './source.ts'

const MAX_FILE_LINES = 300
const MAX_FUNCTION_LINES = 70

const files = sourceFiles()

function linesOf(text: string): number {
  return text.trimEnd().split('\n').length
}

/** Blocks of functions that are longer than allowed, by the line on which they open. */
function longFunctions(text: string): { line: number; length: number }[] {
  const lines = text.split('\n')
  const long: { line: number; length: number }[] = []
  for (const [index, line] of lines.entries()) {
    const opening = /^(\s*)(?!(?:export )?(?:class|interface)\b)\S.*(?:\)|=>|\)(?:: [^=]+)) \{$/.exec(line)
    if (opening === null) continue
    const end = lines.findIndex((other, at) => at > index && other.startsWith(`${opening[1]}}`))
    if (end - index + 1 > MAX_FUNCTION_LINES) long.push({ line: index + 1, length: end - index + 1 })
  }
  return long
}

t.test('files are of one idea', async t => {
  const lengths = files.map(({ path, text }): [string, number] => [path, linesOf(text)])
  t.strictSame(
    lengths.filter(([, length]) => length > MAX_FILE_LINES),
    [],
  )
  const sorted = lengths.map(([, length]) => length).sort((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)]!
  t.ok(median <= 120, `the median file has ${median} lines`)
})

t.test('functions fit on a page', async t => {
  const long = files.flatMap(({ path, text }) =>
    longFunctions(text).map(({ line, length }) => `${path}:${line} has ${length} lines`),
  )
  t.strictSame(long, [])
  const body = '  x()\n'.repeat(MAX_FUNCTION_LINES)
  t.equal(longFunctions(`function f(a: number): string {\n${body}}\n`).length, 1)
  t.equal(longFunctions(`class A {\n  f(): void {\n${body}  }\n}\n`).length, 1)
  t.equal(longFunctions(`const f = () => {\n${body.slice(12)}}\n`).length, 0)
})

t.test('names are in kebab-case', async t => {
  const named = ['src', 'test', 'docs', 'bench', 'examples', 'config', 'systemd', '.ci'].flatMap(folder =>
    filesBelow(folder, ''),
  )
  const wrong = named.filter(path => !/^[a-z0-9]+([-.@][a-z0-9]+)*$/.test(basename(path)))
  t.strictSame(
    wrong.filter(path => !/^(README|PROTOCOL|\.gitkeep)/.test(basename(path))),
    [],
  )
})

t.test('nothing is left undone, cast away or swallowed', async t => {
  const rules: [string, RegExp][] = [
    ['any', /\bas any\b|[:<] ?any\b|\bany\[\]/],
    ['a check that is turned off', /@ts-(?:ignore|expect-error|nocheck)/],
    ['something undone', /\b(?:TODO|FIXME|XXX|HACK)\b/],
    ['an error that is swallowed', /\bcatch\s*(?:\([^)]*\))?\s*\{\s*\}/],
  ]
  for (const [what, pattern] of rules) {
    const found = files.filter(({ code, text }) => pattern.test(what === 'any' ? code : text))
    t.strictSame(
      found.map(({ path }) => path),
      [],
      what,
    )
  }
})
