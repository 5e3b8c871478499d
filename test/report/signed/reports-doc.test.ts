import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { usageReportProblems } from '../../../src/report/signed/problems.ts'

/** UPDATE_DOCS=1 writes the table of codes anew. */
const path = join(import.meta.dirname, '../../../docs/reports.md')
const place = /(<!-- usage report problems -->\n)([\s\S]*?)(<!-- end -->)/

test('the table of usage report problems is the catalogue', async t => {
  const rows = Object.entries(usageReportProblems).map(([code, { title }]) => `| \`${code}\` | ${title} |`)
  const table = ['| code | meaning |', '|---|---|', ...rows, ''].join('\n')
  const text = readFileSync(path, 'utf8')
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(path, text.replace(place, `$1${table}$3`))
  t.equal(place.exec(readFileSync(path, 'utf8'))?.[2], table)
})
