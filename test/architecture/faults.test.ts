import t from 'tap'
import { readText } from './source.ts'

/** The rows of the table, without its head, whose last column names no test. */
function untried(text: string): string[] {
  const rows = text.split('\n').filter(line => line.startsWith('| '))
  return rows.slice(1).filter(row => !/\]\(\.\.\/test\/[\w/.-]+\.(test|long)\.ts\) \|$/.test(row))
}

// links.test.ts sees to it that they exist.
t.test('every fault that docs/faults.md tells of names the test that tries it', async t => {
  const text = readText('docs/faults.md')
  t.ok(text.split('\n').length > 15)
  t.strictSame(untried(text), [])
})

t.test('one that does not is noticed', async t => {
  const row = (last: string) => `| what | does | shows | do | ${last} |`
  const [good, bad] = [row('[a.test.ts](../test/a.test.ts)'), row('nobody')]
  t.strictSame(untried(['| head |', '|---|', good, bad].join('\n')), [bad])
})
