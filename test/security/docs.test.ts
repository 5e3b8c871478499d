import { existsSync } from 'node:fs'
import { join, normalize } from 'node:path'
import t from 'tap'
import { ROOT, readText } from '../architecture/source.ts'

const text = readText('docs/security.md')

/** Tests that a text names, as links whose text is the title of the test. */
function testsIn(text: string): { title: string; path: string }[] {
  const links = text.matchAll(/\[([^\]]+)\]\((\.\.\/test\/[^)]+)\)/g)
  return [...links].map(([, title, path]) => ({ title: title!, path: normalize(join('docs', path!)) }))
}

/** Whether a file has a test of that title: the first argument of a call. */
function hasTest(path: string, title: string): boolean {
  if (!existsSync(join(ROOT, path))) return false
  const escaped = title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`\\(\\s*(['"\`])${escaped}\\1,`).test(readText(path))
}

t.test('every threat of docs/security.md has a test, and every test is there', async t => {
  const tables = text.split(/^## /m).filter(section => section.startsWith('Threats'))
  t.equal(tables.length, 3)
  for (const table of tables) {
    const rows = table.split('\n').filter(line => /^\| (?!threat )/.test(line))
    t.ok(rows.length >= 10)
    for (const row of rows) t.ok(testsIn(row).length > 0, row.slice(0, 60))
  }
  const named = testsIn(text)
  t.ok(named.length > 60)
  for (const { title, path } of named) t.ok(hasTest(path, title), `${path}: ${title}`)
})

t.test('a test that is not there is noticed', async t => {
  const [first] = testsIn('[who may issue](../test/license/chain.test.ts)')
  t.strictSame(first, { title: 'who may issue', path: 'test/license/chain.test.ts' })
  t.ok(hasTest(first!.path, first!.title))
  t.notOk(hasTest('test/license/chain.test.ts', 'who may'))
  t.notOk(hasTest('test/license/no.test.ts', 'who may issue'))
})
