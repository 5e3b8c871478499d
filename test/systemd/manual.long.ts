import { spawnSync } from 'node:child_process'
import t from 'tap'
import { configKeys } from '../../src/daemon/config/keys.ts'
import { manualPages } from '../../systemd/debian/manual/pages.ts'
import { escaped } from '../../systemd/debian/manual/roff.ts'
import { runProgram } from '../cli/programs.ts'

const pages = manualPages('1.2.3', 0)
const hasGroff = spawnSync('groff', ['--version']).error === undefined

/** As a terminal shows it, without a line end inside of a sentence. */
function shown(page: string): string {
  const { stdout } = spawnSync('groff', ['-man', '-Tascii', '-P-cbou', '-rLL=200n'], {
    input: page,
    encoding: 'utf8',
  })
  return stdout.replaceAll(/\s+/g, ' ')
}

t.test('groff finds no fault in any page', { skip: hasGroff ? false : 'groff is not installed' }, async t => {
  t.strictSame(Object.keys(pages).sort(), [
    'licensing-server.8',
    'licensing-server.yaml.5',
    'sessionctl.1',
    'sessiond.8',
    'sessiond.yaml.5',
  ])
  for (const [name, page] of Object.entries(pages)) {
    const { status, stderr } = spawnSync('groff', ['-man', '-Tutf8', '-ww', '-z'], {
      input: page,
      encoding: 'utf8',
    })
    t.equal(status, 0, name)
    t.equal(stderr, '', name)
  }
  const { stderr } = spawnSync('groff', ['-man', '-Tutf8', '-ww', '-z'], {
    input: '.NOSUCH x\n',
    encoding: 'utf8',
  })
  t.not(stderr, '', 'it would tell')
  t.match(shown(pages['sessiond.8']!), 'SYNOPSIS sessiond command [options]')
})

t.test('every command and every option of the help is in the page of its program', async t => {
  for (const [program, section] of [
    ['sessiond', 8],
    ['sessionctl', 1],
    ['licensing-server', 8],
  ] as const) {
    const page = pages[`${program}.${section}`]!
    const { stdout } = await runProgram(program, ['--help'])
    const commands = [...stdout.matchAll(new RegExp(`^  ${program} ([a-z-]+)`, 'gm'))].map(
      ([, word]) => word!,
    )
    t.ok(commands.length >= 3, program)
    for (const word of commands) {
      t.ok(page.includes(escaped(`${program} ${word}`)), `${program} ${word}`)
    }
  }
  const { stdout } = await runProgram('sessionctl', ['activate', '--help'])
  for (const [, flag] of stdout.matchAll(/^ +(--[a-z-]+)/gm)) {
    if (!['--help', '--version'].includes(flag!)) t.ok(pages['sessionctl.1']!.includes(escaped(flag!)), flag!)
  }
})

t.test('every setting is in the page of the configuration', async t => {
  const page = pages['sessiond.yaml.5']!
  for (const { name } of configKeys()) t.ok(page.includes(`\\fB${escaped(name)}\\fR`), name)
})

t.test('text that looks like roff is text', async t => {
  t.equal(escaped(".TH it's \\fB a-b"), '\\&.TH it\\(aqs \\efB a\\-b')
})
