import t from 'tap'
import {
  crossingAdapters,
  cycleOf,
  forbiddenImports,
  impurities,
  MAY_IMPORT,
  needlessExceptions,
} from './rules.ts'
import { importsOf, partOf, readText, type SourceFile, sourceFiles, withoutComments } from './source.ts'

const files = sourceFiles()

t.test('each part imports only what the import rule allows', async t => {
  t.strictSame(files.flatMap(forbiddenImports), [])
})

t.test('the import rule speaks of the parts that there are', async t => {
  const parts = new Set(files.map(({ path }) => partOf(path)))
  t.strictSame([...parts].sort(), Object.keys(MAY_IMPORT).sort())
})

t.test('what decides has no I/O, no clock and no chance', async t => {
  t.strictSame(files.flatMap(impurities), [])
})

t.test('adapters of the daemon do not import each other', async t => {
  t.strictSame(files.flatMap(crossingAdapters), [])
  t.strictSame(needlessExceptions(files), [], 'every exception is needed')
})

t.test('no imports go round in a ring', async t => {
  t.equal(cycleOf(files), null)
})

t.test('a start of the daemon does not load what writes metrics', async t => {
  const daemon = files.filter(({ path }) => partOf(path) === 'daemon')
  const importing = (target: string) =>
    daemon.filter(({ imports }) => imports.some(each => each.target === target && !each.typeOnly))
  t.strictSame(
    importing('exposition.ts').map(({ path }) => path),
    ['daemon/operations/metrics.ts'],
  )
  for (const { code, path } of importing('daemon/operations/metrics.ts')) {
    t.notMatch(code, /^import (?!type\b)[^\n]*operations\/metrics\.ts'$/m, path)
    t.match(code, /await import\('\.\/operations\/metrics\.ts'\)/, path)
  }
})

t.test('every import leads to a file or to a declared dependency', async t => {
  const paths = new Set(files.map(({ path }) => path))
  const declared = JSON.parse(readText('package.json')) as Record<string, Record<string, string>>
  const dependencies = { ...declared['dependencies'], ...declared['optionalDependencies'] }
  const wrong = files.flatMap(({ path, imports }) =>
    imports
      .filter(({ target, specifier }) => {
        if (target !== null) return !paths.has(target)
        return !specifier.startsWith('node:') && dependencies[packageOf(specifier)] === undefined
      })
      .map(({ specifier }) => `${path} imports ${specifier}`),
  )
  t.strictSame(wrong, [])
})

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

function file(path: string, text: string): SourceFile {
  const code = withoutComments(text)
  return { path, text, code, imports: importsOf(path, code) }
}

t.test('the rules catch what they must', async t => {
  t.test('imports across parts, in every form', async t => {
    for (const text of [
      "import { x } from '../session/x.ts'",
      "import type { X } from '../session/x.ts'",
      "import {\n  x,\n  type Y,\n} from '../session/x.ts'",
      "import '../session/x.ts'",
      "export * from '../session/x.ts'",
      "export type { X } from '../session/x.ts'",
      "const x = await import('../session/x.ts')",
    ]) {
      t.strictSame(forbiddenImports(file('license/a.ts', text)), ['license/a.ts imports session/x.ts'], text)
    }
    t.strictSame(forbiddenImports(file('license/a.ts', "// import { x } from '../session/x.ts'")), [])
    t.strictSame(forbiddenImports(file('protocol/a.ts', "import type { X } from '../session/x.ts'")), [])
    t.equal(forbiddenImports(file('protocol/a.ts', "import { x } from '../session/x.ts'")).length, 1)
    t.equal(forbiddenImports(file('daemon/a.ts', "import { x } from '../cli/x.ts'")).length, 1)
    t.equal(forbiddenImports(file('stuff/a.ts', '')).length, 1)
  })

  t.test('I/O, clocks and chance in a pure part', async t => {
    for (const text of [
      "import { readFileSync } from 'node:fs'",
      "import { connect } from 'node:net'",
      "import { setTimeout } from 'node:timers/promises'",
      'const now = Date.now()',
      'const now = new Date()',
      'const dice = Math.random()',
      'const id = randomUUID()',
      "const home = process.env['HOME']",
      "console.log('x')",
    ]) {
      t.ok(impurities(file('session/a.ts', text)).length > 0, text)
      t.equal(impurities(file('daemon/a.ts', text)).length, 0, text)
    }
    t.strictSame(impurities(file('session/a.ts', "import { createHmac } from 'node:crypto'")), [])
    t.strictSame(impurities(file('session/a.ts', 'const at = new Date(now) // not Date.now()')), [])
  })

  t.test('adapters and rings', async t => {
    t.equal(
      crossingAdapters(file('daemon/gateway/a.ts', "import { Journal } from '../journal/journal.ts'")).length,
      1,
    )
    t.equal(
      crossingAdapters(file('daemon/gateway/a.ts', "import { createLogger } from '../log.ts'")).length,
      1,
    )
    t.equal(
      crossingAdapters(file('daemon/gateway/a.ts', "import type { Logger } from '../log.ts'")).length,
      0,
    )
    t.equal(
      crossingAdapters(file('daemon/daemon.ts', "import { Journal } from './journal/journal.ts'")).length,
      0,
    )
    const a = file('session/a.ts', "import { b } from './b.ts'")
    const b = file('session/b.ts', "import { c } from './c.ts'")
    t.strictSame(cycleOf([a, b, file('session/c.ts', "import { a } from './a.ts'")]), [
      'session/a.ts',
      'session/b.ts',
      'session/c.ts',
      'session/a.ts',
    ])
    t.equal(cycleOf([a, b, file('session/c.ts', "import type { A } from './a.ts'")]), null)
  })
})
