import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { defaultConfig } from '../../src/daemon/config/keys.ts'
import { invoke } from './invoke.ts'

const sample = new URL('../../config/sessiond.yaml', import.meta.url).pathname

t.test('a good configuration', async t => {
  const { code, stdout, stderr } = await invoke('sessiond', ['check-config', '--config', sample])
  t.equal(code, 0)
  t.equal(stdout, '')
  t.match(stderr, `The configuration is good (${sample}).`)
})

t.test('--print says what is in force and who said so, as a file that can be used', async t => {
  const folder = t.testdir({ 'my.yaml': 'log:\n  level: warn\napplications:\n  ivr: {max: 5}\n' })
  const args = [
    'check-config',
    '--config',
    'my.yaml',
    '--print',
    '--listen.tcp.port=0',
    '--listen.tcp.port=9',
  ]
  const env = { SESSIOND_SHUTDOWN_DRAIN_MS: '7', SESSIOND_LOG_LEVL: 'x' }
  const { code, stdout, stderr } = await invoke('sessiond', args, { cwd: folder, env })
  t.equal(code, 0)
  t.match(stdout, /^ {2}level: warn # file 2:10$/m)
  t.match(stdout, /^ {4}port: 9 # --listen\.tcp\.port$/m)
  t.match(stdout, /^ {2}drainMs: 7 # SESSIOND_SHUTDOWN_DRAIN_MS$/m)
  t.match(stdout, /^ {2}maxPerClient: 10000 # default$/m)
  t.match(stdout, /^ {2}# file 4:3$/m)
  t.match(stderr, 'warning: The environment variable SESSIOND_LOG_LEVL is no setting')
  const expected = defaultConfig()
  expected.log.level = 'warn'
  expected.listen.tcp.port = 9
  expected.shutdown.drainMs = 7
  expected.applications = { ivr: { max: 5, feature: null, maxDurationSeconds: null } }
  t.strictSame(parse(stdout), expected)

  writeFileSync(join(folder, 'printed.yaml'), stdout)
  t.equal((await invoke('sessiond', ['check-config', '--config', 'printed.yaml'], { cwd: folder })).code, 0)
})

t.test('--json', async t => {
  const { code, stdout } = await invoke('sessiond', ['check-config', '--config', sample, '--json'])
  t.equal(code, 0)
  t.match(JSON.parse(stdout), {
    'log.level': { value: 'info', source: 'file', where: /sessiond\.yaml:\d+:\d+$/ },
    'listen.tcp.tls': { value: null },
  })
})

t.test('a wrong configuration', async t => {
  const folder = t.testdir({ 'my.yaml': 'lgo:\n  level: warn\n' })
  const { code, stdout, stderr } = await invoke(
    'sessiond',
    ['check-config', '--config', 'my.yaml', '--json'],
    { cwd: folder },
  )
  t.equal(code, 2)
  t.match(
    stderr,
    `error: The configuration has a problem, so it is not used:\n  ${folder}/my.yaml:1:1: key 'lgo' is not known; did you mean 'log'?\nhint: `,
  )
  t.match(JSON.parse(stdout), { error: { code: 'config-invalid', message: /lgo/, hint: /check-config/ } })
})
