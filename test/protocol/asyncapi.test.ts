import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { parse, stringify } from 'yaml'
import { asyncApiDocument } from '../../src/protocol/asyncapi.ts'
import { METHODS, NOTIFICATIONS } from '../../src/protocol/schemas.ts'

const FILE = new URL('../../docs/asyncapi.yaml', import.meta.url)
const HEAD = '# Made from src/protocol by: npm run docs:asyncapi\n'

const document = asyncApiDocument()
if (process.env['UPDATE_DOCS']) {
  writeFileSync(FILE, HEAD + stringify(document, { lineWidth: 110, aliasDuplicateObjects: false }))
}

function at(pointer: string): unknown {
  return pointer
    .split('/')
    .slice(1)
    .reduce((value: unknown, part) => (value as Record<string, unknown> | undefined)?.[part], document)
}

function refsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, part]) => (name === '$ref' ? [part as string] : refsIn(part)))
}

t.test('docs/asyncapi.yaml is up to date: npm run docs:asyncapi', async t => {
  t.strictSame(parse(readFileSync(FILE, 'utf8')), document)
})

t.test('every method and every notification is an operation', async t => {
  const operations = document['operations'] as Record<string, { action: string }>
  t.strictSame(Object.keys(operations), [...Object.keys(METHODS), ...Object.keys(NOTIFICATIONS)])
  for (const method of Object.keys(METHODS)) t.equal(operations[method]?.action, 'receive')
  for (const name of Object.keys(NOTIFICATIONS)) t.equal(operations[name]?.action, 'send')
})

t.test('every reference leads somewhere, and everything is referred to', async t => {
  const refs = new Set(refsIn(document))
  for (const ref of refs) t.ok(at(ref.slice(1)), ref)
  for (const kind of ['messages', 'schemas']) {
    const names = Object.keys(at(`/components/${kind}`) as object)
    for (const name of names) t.ok(refs.has(`#/components/${kind}/${name}`), `${kind}/${name} is used`)
  }
})
