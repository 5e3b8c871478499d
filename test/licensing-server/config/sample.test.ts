import { readFileSync } from 'node:fs'
import t from 'tap'
import { isMap, parseDocument, visit } from 'yaml'
import { valueAt } from '../../../src/config/keys.ts'
import { configKeys, defaultConfig } from '../../../src/licensing-server/config/keys.ts'
import { loadConfig } from '../../../src/licensing-server/config/load.ts'

const file = new URL('../../../config/licensing-server.yaml', import.meta.url).pathname
const text = readFileSync(file, 'utf8')

t.test('config/licensing-server.yaml loads and says the defaults', async t => {
  const { config, warnings } = loadConfig({ file, environment: {}, workingDirectory: '/' })
  t.strictSame(config, defaultConfig())
  t.strictSame(warnings, [])
})

t.test('it lists every key with its default and a comment', async t => {
  const document = parseDocument(text)
  for (const key of configKeys()) {
    if (key.hasDefault) t.strictSame(valueAt(document.toJS(), key.segments), key.schema.default, key.name)
    else t.match(text, new RegExp(`^ *# +${key.segments.at(-1)}: `, 'm'), `${key.name} in an example`)
  }
  visit(document, {
    Pair(_, pair) {
      if (isMap(pair.value)) return
      const line = text
        .slice(0, (pair.key as { range: number[] }).range[0])
        .split('\n')
        .at(-2)
      t.match(line, /^ *#/, `a comment stands above ${pair.key}`)
    },
  })
})

t.test('docs/licensing-server-configuration.md names every key, variable and default', async t => {
  const manual = readFileSync(
    new URL('../../../docs/licensing-server-configuration.md', import.meta.url),
    'utf8',
  )
  for (const key of configKeys()) {
    const fallback = key.hasDefault ? `\`${JSON.stringify(key.schema.default)}\`` : 'required with `tls`'
    const description = key.schema.description ?? ''
    t.ok(description, key.name)
    t.ok(
      manual.includes(`| \`${key.name}\` | ${fallback} | ${key.schema.expects} | ${description} |`),
      key.name,
    )
  }
})
