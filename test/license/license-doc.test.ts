import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { LicensePayload } from '../../src/license/document.ts'
import { lifecycleStates } from '../../src/license/lifecycle.ts'
import { licenseProblems } from '../../src/license/problems.ts'
import { requestProblems } from '../../src/license/request-problems.ts'

/** UPDATE_DOCS=1 writes the tables of codes anew. */
const path = join(import.meta.dirname, '../../docs/license.md')
let text = readFileSync(path, 'utf8')

const tableOf = (problems: Record<string, { title: string }>) =>
  [
    '| code | meaning |',
    '|---|---|',
    ...Object.entries(problems).map(([code, { title }]) => `| \`${code}\` | ${title} |`),
  ].join('\n')

const between = (name: string) => new RegExp(`(<!-- ${name} -->\n)([^]*?)(\n<!-- end -->)`)

for (const [name, problems] of [
  ['license problems', licenseProblems],
  ['request problems', requestProblems],
] as const) {
  test(`the table of ${name} is the catalogue`, async t => {
    const table = tableOf(problems)
    if (process.env['UPDATE_DOCS'] === '1') {
      text = text.replace(between(name), `$1${table}$3`)
      writeFileSync(path, text)
    }
    t.equal(between(name).exec(text)?.[2], table)
  })
}

test('the table of states names each of them, in order', async t => {
  const rows =
    between('states')
      .exec(text)?.[2]
      ?.matchAll(/^\| `([a-z-]+)` \|/gm) ?? []
  t.same(
    [...rows].map(row => row[1]),
    lifecycleStates,
  )
})

test('every field of a license is described', async t => {
  for (const name of Object.keys(LicensePayload.properties)) t.match(text, new RegExp(`\`${name}[\`.]`), name)
})
