import { readFileSync } from 'node:fs'
import t from 'tap'
import { OLDEST_NODE, oldNodeComplaint } from '../../src/cli/node-version.ts'
import { invoke } from './invoke.ts'
import { type ProgramName, runProgram } from './programs.ts'

const names: ProgramName[] = ['sessiond', 'sessionctl', 'licensing-server']
const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

t.test('a Node.js that is too old is told in one line', async t => {
  t.equal(manifest.engines.node, `>=${OLDEST_NODE.replace(/\.0$/, '')}`)
  for (const good of [OLDEST_NODE, '22.20.1', '24.0.0', '30.1.0']) {
    t.equal(oldNodeComplaint('sessiond', good), null, good)
  }
  const line = /^error: sessiond needs Node\.js 22\.19\.0 or newer, but this is .* \(.*\)\.$/
  for (const old of ['22.18.9', '20.20.2', '8.0.0']) t.match(oldNodeComplaint('sessiond', old), line)
})

t.test('every program says its version and its commands', async t => {
  for (const name of names) {
    t.match(await runProgram(name, ['--version']), { code: 0, stdout: `${manifest.version}\n`, stderr: '' })
    const help = await runProgram(name, ['--help'])
    t.equal(help.code, 0)
    t.match(help.stdout, /^Commands:$/m)
    t.match(help.stdout, /Exit codes: /)
  }
})

t.test('completion', async t => {
  t.match((await runProgram('sessionctl', ['completion'])).stdout, '###-begin-sessionctl-completions-###')
  const words = await runProgram('sessionctl', ['--get-yargs-completions', 'sessionctl', 'lic'])
  t.match(words.stdout, /^license\b/m)
})

t.test('wrong usage', async t => {
  const cases: [string[], RegExp][] = [
    [[], /^error: Name a command\.\nhint: See: sessiond --help\n$/],
    [['chek-config'], /^error: There is no such command\. Did you mean check-config\?\n/],
    [['check-config', '--log.levl=info'], /^error: Unknown argument: log\.levl\n/],
    [['check-config', 'more'], /^error: Unknown argument: more\n/],
    [['check-config', '--config'], /^error: Not enough arguments following: config\n/],
  ]
  for (const [args, message] of cases) {
    const { code, stdout, stderr } = await invoke('sessiond', args)
    t.equal(code, 2, args.join(' '))
    t.equal(stdout, '')
    t.match(stderr, message)
  }
  const hints: [string[], string][] = [
    [['license'], 'sessionctl license --help'],
    [['licence'], 'sessionctl --help'],
    [['sessions', 'relase', '1-a'], 'sessionctl sessions --help'],
    [['sessions', 'list', '--orphand'], 'sessionctl sessions list --help'],
    [['report', '--by', 'week'], 'sessionctl report --help'],
  ]
  t.match(await invoke('sessionctl', ['sessions', 'show']), {
    code: 2,
    stderr: /^error: Something is missing: sessionctl sessions show <id>\n/,
  })
  t.match(await invoke('sessionctl', ['report', '--by', 'week']), {
    stderr: /^error: --by cannot be "week"\. It is one of: "minute", "hour", "day"\n/,
  })
  for (const [args, help] of hints) {
    const { code, stderr } = await invoke('sessionctl', args)
    t.equal(code, 2)
    t.match(stderr, new RegExp(`^hint: See: ${help}$`, 'm'))
  }
  const asJson = await runProgram('sessiond', ['check-config', '--json', '--what'])
  t.equal(asJson.code, 2)
  t.match(JSON.parse(asJson.stdout), { error: { code: 'usage', message: 'Unknown argument: what' } })
})
