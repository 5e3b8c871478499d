import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { commandsOf, fencesOf, patternOf } from './console-blocks.ts'
import { runProgram, waitFor } from './programs.ts'
import { shortFolder } from './vendor.ts'

// A build and a dozen programs, on a machine that may be busy.
t.setTimeout(300_000)

const root = fileURLToPath(new URL('../..', import.meta.url))

/** A clone after `npm ci`: what it needs of the working tree, with the packages linked instead of copied. */
function cloneInto(folder: string): void {
  for (const name of [
    'package.json',
    'tsconfig.json',
    'tsconfig.build.json',
    'src',
    'config',
    'docs',
    'README.md',
  ]) {
    cpSync(join(root, name), join(folder, name), { recursive: true })
  }
  mkdirSync(join(folder, 'node_modules'))
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (name.startsWith('.')) continue
    symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name))
  }
  // The links in it are relative, and the build adds the programs of this very clone.
  cpSync(join(root, 'node_modules/.bin'), join(folder, 'node_modules/.bin'), {
    recursive: true,
    verbatimSymlinks: true,
  })
}

/** As in a shell of a user: nothing of the npm that runs the tests, nor of settings for sessiond. */
function userEnvironment(): Record<string, string | undefined> {
  const path = process.env['PATH']?.split(':').filter(entry => !entry.includes('node_modules'))
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|SESSIOND_|FORCE_COLOR|NODE_OPTIONS|TAP)/.test(name),
  )
  return {
    ...Object.fromEntries(kept),
    PATH: path?.join(':'),
    NO_COLOR: '1',
    npm_config_loglevel: 'error',
    npm_config_update_notifier: 'false',
  }
}

class Shell {
  readonly folder: string
  #lastCode: number | null = 0

  constructor(folder: string) {
    this.folder = folder
  }

  /** Starts a command with both of its streams in one, as a terminal shows them. */
  start(command: string): { child: ChildProcess; output: () => string } {
    // tap hands its loader to every process that is spawned; a user's shell has none.
    const script = `unset NODE_OPTIONS NODE_V8_COVERAGE; (exit ${this.#lastCode}); ${command} 2>&1`
    const child = spawn('bash', ['-c', script], {
      cwd: this.folder,
      env: userEnvironment(),
      stdio: ['ignore', 'pipe', 'inherit'],
      // A group of its own, so that what npm starts is ended with it.
      detached: true,
    })
    let output = ''
    child.stdout?.on('data', chunk => {
      output += chunk
    })
    return { child, output: () => output }
  }

  async run(command: string): Promise<string> {
    const { child, output } = this.start(command)
    const [code] = await once(child, 'close')
    this.#lastCode = code
    return output()
  }
}

t.test('what the README shows is what happens', async t => {
  const folder = shortFolder(t)
  cloneInto(folder)
  const shell = new Shell(folder)
  const fences = fencesOf(readFileSync(join(root, 'README.md'), 'utf8'))
  t.ok(fences.filter(fence => fence.words[0] === 'console').length >= 3)

  for (const fence of fences) {
    const [language, name] = fence.words
    if (language === 'js' && name !== undefined)
      writeFileSync(join(folder, name), `${fence.lines.join('\n')}\n`)
    if (language !== 'console') continue
    for (const { command, expected } of commandsOf(fence)) {
      const where = `README.md:${fence.line}: ${command}`
      const pattern = patternOf(expected)
      if (name !== 'background') {
        t.match(await shell.run(command), pattern, where)
        continue
      }
      const { child, output } = shell.start(command)
      t.teardown(async () => {
        process.kill(-(child.pid ?? 0), 'SIGKILL')
        await once(child, 'close')
      })
      await waitFor(child, () => pattern.test(withoutLog(output())))
      t.match(withoutLog(output()), pattern, where)
    }
  }
})

/** What runs in the background also logs, when it likes. */
function withoutLog(output: string): string {
  return output.replace(/^\{.*\}\n/gm, '').replace(/\n+$/, '\n')
}

t.test('docs/cli.md tells every command', async t => {
  const manual = readFileSync(join(root, 'docs/cli.md'), 'utf8')
  for (const program of ['sessiond', 'sessionctl', 'licensing-server'] as const) {
    const { stdout } = await runProgram(program, ['--help'])
    const commands = [...stdout.matchAll(new RegExp(`^  ${program} ([a-z-]+)`, 'gm'))].map(([, word]) => word)
    t.ok(commands.length >= 3, program)
    for (const word of commands) {
      if (word !== 'completion') t.match(manual, `\`${program} ${word}`, `${program} ${word}`)
    }
  }
})
