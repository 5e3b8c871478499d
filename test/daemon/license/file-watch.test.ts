import {
  appendFileSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { watchFile } from '../../../src/daemon/license/file-watch.ts'
import { until } from '../../support/until.ts'

function watch(t: Test, path: string) {
  const seen = { changes: 0 }
  const stop = watchFile(path, () => seen.changes++)
  t.teardown(stop)
  /** Does something and waits until it was noticed. */
  const notices = async (what: string, act: () => void) => {
    const before = seen.changes
    const startedAt = performance.now()
    act()
    await until(`${what} is noticed`, () => seen.changes > before)
    return performance.now() - startedAt
  }
  return { seen, stop, notices }
}

t.test('whatever happens to the file is noticed', async t => {
  const path = join(t.testdir(), 'file')
  const { notices } = watch(t, path)
  await notices('its making', () => writeFileSync(path, 'one'))
  await notices('a change', () => appendFileSync(path, ' more'))
  await notices('another content of the same length', () => writeFileSync(path, 'two more'))
  await notices('a replacement', () => {
    writeFileSync(`${path}.new`, 'two more')
    renameSync(`${path}.new`, path)
  })
  await notices('a touch', () => utimesSync(path, 1, 1))
  await notices('its removal', () => rmSync(path))
  await notices('a folder in its place', () => mkdirSync(path))
})

t.test('a folder that comes later, goes and comes again', async t => {
  const folder = join(t.testdir(), 'later')
  const path = join(folder, 'file')
  const { notices } = watch(t, path)
  for (let round = 0; round < 2; round++) {
    const ms = await notices('the file', () => {
      mkdirSync(folder)
      writeFileSync(path, 'one')
    })
    t.ok(ms < 3000)
    await notices('its end', () => rmSync(folder, { recursive: true }))
  }
})

t.test('a path that cannot even be looked at harms nobody', async t => {
  const folder = t.testdir()
  const loop = join(folder, 'loop')
  symlinkSync('loop', loop)
  const path = join(loop, 'file')
  const { notices } = watch(t, path)
  await notices('the folder', () => {
    rmSync(loop)
    mkdirSync(loop)
    writeFileSync(path, 'one')
  })
  await notices('the loop', () => {
    rmSync(loop, { recursive: true })
    symlinkSync('loop', loop)
  })
})

t.test('its neighbours are not noticed, and after the end nothing is', async t => {
  const folder = t.testdir()
  const path = join(folder, 'file')
  const { seen, stop, notices } = watch(t, path)
  for (let index = 0; index < 20; index++) writeFileSync(join(folder, `neighbour-${index}`), 'x')
  await notices('the file', () => writeFileSync(path, 'one'))
  const { changes } = seen
  stop()
  const other = watch(t, path)
  await other.notices('the change', () => writeFileSync(path, 'two'))
  t.equal(seen.changes, changes)
})
