import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ROOT, readText } from './source.ts'

interface Package {
  readonly version: string
  readonly bin: Record<string, string>
  readonly exports: Record<string, string | Record<string, string>>
  readonly files: string[]
}

const { version, bin, exports, files } = JSON.parse(readText('package.json')) as Package

/** The source of a file that the build makes. */
function sourceOf(built: string): string {
  return built.replace(/^(\.\/)?dist\//, 'src/').replace(/(\.d\.ts|\.c?js)$/, '.ts')
}

t.test('every program has its source, and can be started by its name', async t => {
  t.strictSame(Object.keys(bin), ['sessiond', 'sessionctl', 'licensing-server'])
  for (const [name, built] of Object.entries(bin)) {
    t.match(readText(sourceOf(built)), /^#!\/usr\/bin\/env (node|-S node( --[\w=-]+)+)\n/, name)
  }
})

t.test('everything that the package offers is there', async t => {
  const offered = Object.values(exports).flatMap(entry =>
    typeof entry === 'string' ? [entry] : Object.values(entry),
  )
  for (const path of offered) t.ok(existsSync(join(ROOT, sourceOf(path))), path)
  for (const path of files.filter(path => !path.includes('dist'))) t.ok(existsSync(join(ROOT, path)), path)
})

t.test('the changelog tells of this version', async t => {
  t.ok(readText('CHANGELOG.md').includes(`\n## ${version}`), version)
})

t.test('who finds a weakness finds whom to tell', async t => {
  t.match(readText('SECURITY.md'), /private vulnerability report/)
  t.ok(readText('README.md').includes('(SECURITY.md)'))
})
