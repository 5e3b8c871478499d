import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { defaultConfig } from '../../src/licensing-server/config/keys.ts'
import { authorityFolder } from '../support/site.ts'
import { invoke } from './invoke.ts'
import { RunningProgram } from './programs.ts'

const sample = new URL('../../config/licensing-server.yaml', import.meta.url).pathname

t.test('its configuration can be checked and shown', async t => {
  const good = await invoke('licensing-server', ['check-config', '--config', sample, '--print'])
  t.equal(good.code, 0)
  t.strictSame(parse(good.stdout), defaultConfig())
  t.match(good.stderr, 'The configuration is good')
  const env = { LICENSING_SERVER_LISTEN_HOST: '0.0.0.0' }
  const wrong = await invoke('licensing-server', ['check-config', '--config', sample], { env })
  t.equal(wrong.code, 2)
  t.match(wrong.stderr, /LICENSING_SERVER_LISTEN_HOST: key 'listen\.host' .* is refused without TLS/)
})

t.test('what is wrong starts nothing', async t => {
  t.match(await invoke('licensing-server', ['run', '--listen.port=x']), {
    code: 2,
    stderr: /key 'listen\.port' must be a whole number from 0 to 65535/,
  })
  const folder = t.testdir({})
  t.match(
    await invoke('licensing-server', ['run', `--authority.directory=${folder}`, '--log.level=silent']),
    {
      code: 1,
      stderr: /licensing-server init/,
    },
  )
})

t.test('it runs, reloads and stops by signals', { timeout: 60_000 }, async t => {
  const folder = t.testdir({})
  const config = join(folder, 'licensing-server.yaml')
  writeFileSync(
    config,
    `listen: {port: 0}
operations: {enabled: false}
authority: {directory: ${authorityFolder}}
ledger: {location: ${join(folder, 'ledger.sqlite')}}
shutdown: {drainMs: 0}
`,
  )
  const program = new RunningProgram('licensing-server', ['run', '--config', config])
  t.teardown(() => program.signal('SIGKILL'))
  await program.printed(/"message":"licensing-server listens"/)
  const url = /"url":"([^"]+)"/.exec(program.stdout)?.[1] ?? ''
  t.equal((await fetch(`${url}/readyz`)).status, 200)

  writeFileSync(config, readFileSync(config, 'utf8').replace('drainMs: 0', 'drainMs: nothing'))
  program.signal('SIGHUP')
  await program.printed(/reload failed, everything stays as it was/)
  writeFileSync(config, readFileSync(config, 'utf8').replace('drainMs: nothing', 'drainMs: 0'))
  program.signal('SIGHUP')
  await program.printed(/"message":"the configuration was reloaded"/)
  t.equal((await fetch(`${url}/readyz`)).status, 200)

  program.signal('SIGTERM')
  t.equal((await program.finished()).code, 0)
  t.match(program.stdout, /"message":"licensing-server stopped"/)
})
