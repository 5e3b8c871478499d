import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { stripVTControlCharacters } from 'node:util'
import t from 'tap'
import { startHere } from '../support/daemon.ts'
import { programFile, userEnvironment } from '../support/programs.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

t.setTimeout(120_000)

const hasScript = spawnSync('script', ['--version']).status === 0

/** What keeps colors away, and may be set where tests run: tap itself forces them off where nobody watches it. */
const noColors = { CI: undefined, NO_COLOR: undefined, FORCE_COLOR: undefined }

/** `sessionctl top` on a pseudo-terminal that `script` of util-linux makes. */
function onTerminal(config: string, environment: Record<string, string>) {
  const command = `stty rows 20 cols 70; exec ${process.execPath} ${programFile('sessionctl')} top --interval 0.2 --config ${config}`
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    env: { ...userEnvironment(), TERM: 'xterm', ...noColors, ...environment },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const seen = { text: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    seen.text += text
  })
  t.teardown(() => child.kill('SIGKILL'))
  return { child, seen, ended: once(child, 'close') }
}

t.test(
  'top draws again and again, and leaves the terminal as it was',
  { skip: !hasScript && 'no script(1)' },
  async t => {
    const site = new Site(t)
    await site.license()
    const { logged } = await startHere(t, site)
    await logged('Operators are served.')
    for (const [key, environment] of [
      ['q', {}],
      ['\u0003', { NO_COLOR: '1' }],
    ] as const) {
      const { child, seen, ended } = onTerminal(site.writeConfig(), environment)
      await until('it has drawn twice', () => seen.text.split('0/10 safe').length > 2)
      child.stdin.write(key)
      const [code] = await ended
      t.equal(code, 0)
      t.ok(seen.text.startsWith('\u001b[?1049h\u001b[?25l'), 'the screen is another one, without a cursor')
      t.ok(seen.text.trimEnd().endsWith('\u001b[?25h\u001b[?1049l'), 'and both are back')
      t.equal(seen.text.includes('\u001b[32m'), key === 'q', 'colors where NO_COLOR does not forbid them')
      const widest = Math.max(...plainLines(seen.text).map(line => line.length))
      t.ok(widest <= 70, `the widest line has ${widest} columns`)
    }
  },
)

/** The lines of all screens that were drawn, one after the other. */
function plainLines(text: string): string[] {
  return text
    .split('\u001b[H')
    .flatMap(screen => screen.split(/\r+\n/))
    .map(line => stripVTControlCharacters(line))
}
