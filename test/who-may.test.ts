import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { isThere } from '../src/who-may.ts'

const NOBODY = 65_534
const isRoot = process.getuid?.() === 0

function newFolder(t: Test): { folder: string; file: string } {
  const folder = mkdtempSync(join(tmpdir(), 'who-may-'))
  t.teardown(() => {
    chmodSync(folder, 0o700)
    rmSync(folder, { recursive: true })
  })
  const file = join(folder, 'a', 'file')
  mkdirSync(join(folder, 'a'))
  writeFileSync(file, '')
  return { folder, file }
}

/** Root may look everywhere, so it becomes somebody else for a moment. */
function asNobody<T>(act: () => T): T {
  if (isRoot) process.seteuid?.(NOBODY)
  try {
    return act()
  } finally {
    if (isRoot) process.seteuid?.(0)
  }
}

t.test('a file that is there, one that is not, one below a file', async t => {
  const { folder, file } = newFolder(t)
  t.equal(isThere(file), true)
  t.equal(isThere(join(folder, 'b', 'file')), false)
  t.equal(isThere(join(file, 'b')), false)
})

t.test('who may not look is told who may, and what lets in', async t => {
  const { folder, file } = newFolder(t)
  chmodSync(folder, 0o700)
  if (!isRoot) chmodSync(folder, 0o000)
  t.throws(() => asNobody(() => isThere(file)), {
    code: 'not-permitted',
    message: /^The user \S+ may not read .*\/a\/file\.$/,
    hint: /^Only .*root may \(.*\/who-may-\w+\)\. Use sudo\.$/,
  })
  // Only root can give a folder to a group that is not its own, and then be let out of it.
  if (!isRoot) return
  chownSync(folder, 0, 1)
  chmodSync(folder, 0o750)
  t.throws(() => asNobody(() => isThere(file)), {
    code: 'not-permitted',
    message: /may not read/,
    hint: /^The group (daemon|bin|1) may \(.*\/who-may-\w+\)\. Use sudo, .*: sudo usermod -aG (daemon|bin|1) \w+$/,
  })
})
