import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { plainRun } from '../../src/cli/sessiond/program.ts'
import { invoke } from './invoke.ts'

t.test('a service is started by plain flags', async t => {
  t.same(plainRun(['run']), { config: undefined })
  t.same(plainRun(['run', '--config', 'a.yaml', '--log.level', 'debug']), {
    config: 'a.yaml',
    'log.level': 'debug',
  })
})

t.test('all else is for yargs to judge', async t => {
  for (const args of [
    [],
    ['demo'],
    ['run', '--help'],
    ['run', '--config'],
    ['run', '--config', ''],
    ['run', '--config', '--log.level'],
    ['run', '--config=a.yaml'],
    ['run', '--config', 'a.yaml', '--config', 'b.yaml'],
    ['run', '--lgo.level', 'debug'],
    ['run', 'config', 'a.yaml'],
  ])
    t.equal(plainRun(args), null, args.join(' '))
})

t.test('both ways find the same', async t => {
  const cwd = t.testdir()
  writeFileSync(join(cwd, 'wrong.yaml'), 'lgo: 1\n')
  for (const flags of [
    { config: 'wrong.yaml' },
    { config: 'none.yaml' },
    { config: 'wrong.yaml', 'log.level': 'loud' },
  ]) {
    const plain = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value])
    const joined = Object.entries(flags).map(([name, value]) => `--${name}=${value}`)
    t.not(plainRun(['run', ...plain]), null)
    t.equal(plainRun(['run', ...joined]), null)
    const found = await invoke('sessiond', ['run', ...plain], { cwd })
    t.equal(found.code, 2)
    t.same(await invoke('sessiond', ['run', ...joined], { cwd }), found)
  }
})
