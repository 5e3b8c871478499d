// What lintian says of the packages, where it is installed: it takes a minute.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { buildPackages } from './packages.ts'

t.setTimeout(600_000)

const isThere = spawnSync('lintian', ['--version']).status === 0
const skip = isThere ? false : 'lintian is not installed (Debian package lintian)'

t.test('lintian finds nothing but what the overrides explain', { skip }, async t => {
  const folder = mkdtempSync(join(tmpdir(), 'sessiond-packages-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  // It knows nothing of zstd.
  buildPackages(folder, '--compression', 'gzip')
  const files = readdirSync(folder).map(file => join(folder, file))
  t.equal(files.length, 2)
  const options = ['--allow-root', '--fail-on=error,warning', '--tag-display-limit=0']
  const { status, stdout, stderr } = spawnSync('lintian', [...options, ...files], { encoding: 'utf8' })
  t.equal(stdout, '')
  t.equal(status, 0, stderr)
})
