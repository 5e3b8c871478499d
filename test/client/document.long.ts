import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { type ClientOptions, SessionClient } from '../../src/client/index.ts'
import { settingsOf } from '../../src/client/options.ts'
import { DemoDaemon } from './demo-daemon.ts'

const fileOf = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const PAGE = readFileSync(fileOf('docs/client.md'), 'utf8')

const folder = mkdtempSync(join(tmpdir(), 'document-'))
const daemon = new DemoDaemon()
t.before(() => daemon.start(10))
t.teardown(async () => {
  await daemon.dispose()
  rmSync(folder, { recursive: true })
})

interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

async function run(command: string, args: string[]): Promise<Ran> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const closed = once(child, 'close')
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  const [code] = await closed
  return { code, stdout, stderr }
}

/** Runs a program of a user: `sessiond` is this package, from its sources. */
function runUserProgram(file: string, args: string[] = []): Promise<Ran> {
  const hook = join(folder, 'resolve-sessiond.mjs')
  const index = new URL('../../src/client/index.ts', import.meta.url).href
  writeFileSync(
    hook,
    `import { registerHooks } from 'node:module'
registerHooks({ resolve: (name, context, next) => next(name === 'sessiond' ? '${index}' : name, context) })`,
  )
  return run(process.execPath, ['--import', hook, file, ...args])
}

/** A table of the page as rows of cells, by a word of its head. */
function firstColumn(head: string): string[] {
  const rows = PAGE.split('\n')
  const start = rows.findIndex(row => row.startsWith(`| ${head} |`))
  const names = []
  for (const row of rows.slice(start + 2)) {
    if (!row.startsWith('|')) break
    names.push((/^\| `([^`]+)`/.exec(row) ?? [])[1] as string)
  }
  return names
}

t.test('the programs of the page do what they say', async t => {
  const programs = [...PAGE.matchAll(/^```js\n([\s\S]*?)^```/gm)].map(([, code]) => code as string)
  const expected = [/^answered: call-81f0@10.0.0.7\n$/, /^\S+ is held\n$/, /^daemon-unreachable true\n$/]
  t.equal(programs.length, expected.length)
  for (const [index, program] of programs.entries()) {
    const here = `socketPath: '${daemon.socketPath}'`
    const adapted = program
      .replace('new SessionClient()', `new SessionClient({ ${here} })`)
      .replace(
        "new SessionClient({ application: 'ivr' })",
        `new SessionClient({ application: 'ivr', ${here} })`,
      )
    const file = join(folder, `program-${index}.mjs`)
    writeFileSync(file, adapted)
    const { code, stdout, stderr } = await runUserProgram(file)
    t.match(stdout, expected[index], stderr)
    t.equal(code, 0)
  }
})

t.test('the tables name what there is', async t => {
  const given: Required<ClientOptions> = {
    socketPath: '',
    url: '',
    token: '',
    tokenFile: '',
    application: '',
    clientId: '',
    batching: true,
    acquireTimeoutMs: 1,
    closeTimeoutMs: 1,
    handshakeTimeoutMs: 1,
    pingIntervalMs: 1,
    silenceTimeoutMs: 1,
    maxPending: 1,
  }
  t.strictSame(firstColumn('option'), Object.keys(given))
  for (const [name, value] of Object.entries(settingsOf({}).core)) {
    if (typeof value !== 'number') continue
    t.match(PAGE, new RegExp(`\\| \`${name}\` \\| ${value.toLocaleString('en-US')} \\|`), name)
  }
  const sources = ['faults', 'endpoint', 'core', 'driver'].map(name =>
    readFileSync(fileOf(`src/client/${name}.ts`), 'utf8'),
  )
  const codes = new Set(sources.join('').match(/(?<=new Fault\(\s*')[a-z-]+/g))
  t.strictSame(new Set(firstColumn('code')), codes)
  const events = readFileSync(fileOf('src/client/events.ts'), 'utf8')
  const names = /interface ClientEvents \{([\s\S]*?)\n\}/.exec(events)?.[1]?.match(/^ {2}\w+(?=:)/gm)
  t.strictSame(
    firstColumn('event'),
    names?.map(name => name.trim()),
  )
})

t.test('the example takes calls', async t => {
  const { code, stdout, stderr } = await runUserProgram(fileOf('examples/call-process.mjs'), [
    daemon.socketPath,
    '15',
  ])
  t.equal(code, 0, stderr)
  t.match(stdout, /^connected: 0 of 10 sessions in use/m)
  const answered = stdout.match(/ answered$/gm)?.length ?? 0
  const refused = stdout.match(/ busy tone: limit-reached$/gm)?.length ?? 0
  t.equal(answered + refused, 15, stdout)
  t.ok(answered >= 10)
  t.equal(stdout.match(/ hung up$/gm)?.length, answered)
})

const python = spawnSync('python3', ['-c', 'import websockets'])
const skip = python.status === 0 ? false : 'python3 with its package websockets is not installed'

t.test('the example without the library takes a call', { skip }, async t => {
  const file = fileOf('examples/call-process.py')
  const { code, stdout, stderr } = await run('python3', [file, daemon.socketPath, 'call-7', '0.1'])
  t.equal(stdout, 'call-7 answered: 1 of 10 in use\ncall-7 hung up: released\n', stderr)
  t.equal(code, 0)
})

t.test('the examples leave nothing behind', async t => {
  await using client = new SessionClient({ socketPath: daemon.socketPath })
  t.match(await client.status(), { inUse: 0, orphaned: 0, leaked: 0 })
})
