import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { Compile } from 'typebox/compile'
import { parse, stringify } from 'yaml'
import { requestProblems } from '../../../src/license/request-problems.ts'
import { apiPaths, LicenseReply, Problem, problemTypePrefix } from '../../../src/licensing-api/schemas.ts'
import { httpProblems } from '../../../src/licensing-server/http/problems.ts'
import { refusals } from '../../../src/licensing-server/ledger/refusals.ts'
import { startSite } from './site.ts'

const FILE = new URL('../../../docs/openapi.yaml', import.meta.url)
const HEAD = '# Made from src/licensing-api and src/licensing-server/http by: npm run docs:openapi\n'

t.test('docs/openapi.yaml is up to date: npm run docs:openapi', async t => {
  const site = await startSite(t)
  const { body, headers, status } = await site.get('/openapi.json')
  t.equal(status, 200)
  t.equal(headers.get('content-type'), 'application/json; charset=utf-8')
  const text = HEAD + stringify(body, { lineWidth: 110, blockQuote: 'literal', aliasDuplicateObjects: false })
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(FILE, text)
  t.equal(readFileSync(FILE, 'utf8'), text)
})

interface Operation {
  operationId: string
  summary: string
  requestBody?: object
  responses: Record<string, object>
}

t.test('it describes every endpoint, body and answer', async t => {
  const document = parse(readFileSync(FILE, 'utf8'))
  t.equal(document.openapi, '3.1.0')
  t.strictSame(Object.keys(document.paths).sort(), Object.values(apiPaths).sort())
  for (const [path, methods] of Object.entries(document.paths as Record<string, Record<string, Operation>>)) {
    for (const [method, operation] of Object.entries(methods)) {
      const { operationId, summary, requestBody, responses } = operation
      t.ok(operationId && summary, `${method} ${path}`)
      t.equal(requestBody !== undefined, method === 'post', `${method} ${path}`)
      t.strictSame(Object.keys(responses), ['200', '4XX', '5XX'], `${method} ${path}`)
    }
  }
  t.strictSame(Object.keys(document.components.schemas).sort(), ['LicenseReply', 'Problem'])
})

t.test('the examples of docs/licensing-api.md fit the schemas', async t => {
  const manual = readFileSync(new URL('../../../docs/licensing-api.md', import.meta.url), 'utf8')
  const examples = [...manual.matchAll(/^```json\n([\s\S]*?)^```$/gm)].map(([, text]) =>
    JSON.parse(text ?? ''),
  )
  t.equal(examples.length, 2)
  t.ok(Compile(LicenseReply).Check(examples[0]))
  t.ok(Compile(Problem).Check(examples[1]))
  t.match(examples[1].type, new RegExp(`^${problemTypePrefix}${examples[1].code}$`))
})

t.test('it and docs/licensing-api.md name every problem', async t => {
  const { description } = parse(readFileSync(FILE, 'utf8')).info
  const manual = readFileSync(new URL('../../../docs/licensing-api.md', import.meta.url), 'utf8')
  for (const code of [refusals, requestProblems, httpProblems].flatMap(of => Object.keys(of))) {
    const row = new RegExp(`^\\| \`${code}\` \\| \\d{3} \\| .+ \\|$`, 'm')
    t.match(description, row, code)
    t.equal(row.exec(manual)?.[0], row.exec(description)?.[0], code)
  }
})
