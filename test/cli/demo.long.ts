import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { demoPaths } from '../../src/cli/demo/demo-paths.ts'
import { setUpDemo } from '../../src/cli/demo/demo-setup.ts'
import type { Terminal } from '../../src/cli/terminal.ts'
import { loadConfig } from '../../src/daemon/config/load.ts'
import type { License } from '../../src/license/document.ts'
import { invoke } from './invoke.ts'
import { RunningProgram, runProgram } from './programs.ts'
import { shortFolder } from './vendor.ts'

// Every program is a process of its own, on a machine that may be busy.
t.setTimeout(300_000)

const DAY_MS = 86_400_000

/** A terminal on which nothing may be said but by the test. */
function silence(t: Test): Terminal {
  const fail = (line = '') => void t.fail(line)
  return {
    environment: {},
    workingDirectory: '/',
    isInteractive: false,
    columns: 100,
    print: fail,
    printJson: value => fail(JSON.stringify(value)),
    say: fail,
    progress: line => fail(line ?? undefined),
    style: (_, text) => text,
    resolve: path => path,
  }
}

t.test('the demonstration, and the commands that it prints', async t => {
  const cwd = shortFolder(t)
  const demo = new RunningProgram('sessiond', ['demo'], { cwd })
  t.teardown(async () => {
    demo.signal('SIGKILL')
    await demo.finished()
  })
  await demo.printed(
    /sessiond is ready: a demonstration license for 10 sessions until [\s\S]*Ctrl-C stops it/,
  )
  const commands = [...demo.stderr.matchAll(/^ {2}npx sessionctl (.*)$/gm)].map(
    ([, words]) => words?.split(' ') ?? [],
  )
  t.strictSame(commands, [['status'], ['hold', '3'], ['hold', '11'], ['reactivate', '--sessions', '20']])
  const [status = [], holdThree = [], holdEleven = [], raise = []] = commands

  const shown = await invoke('sessionctl', status, { cwd })
  t.equal(shown.code, 0, shown.stderr)
  t.match(shown.stdout, /^License {6}active \(demonstration\): /)
  t.match(shown.stdout, /^Sessions {5}0 of 10 in use, 10 free; peak 0$/m)
  t.match(shown.stderr, 'Using the demonstration in .demo')
  t.match(await invoke('sessionctl', [...holdThree, '--for', '0'], { cwd }), {
    code: 0,
    stderr: /^3 granted, 0 refused\.$/m,
  })
  const eleven = await invoke('sessionctl', [...holdEleven, '--for', '0'], { cwd })
  t.match(eleven, {
    code: 3,
    stderr: /^10 granted, 1 refused\.$/m,
    stdout: /-11 {2}refused: limit-reached\n$/,
  })

  // The license comes from a real licensing server, which is asked again like any other.
  t.match(shown.stdout, /^Reactivation by sessiond, next .*; last .*: refreshed$/m)
  const raised = await invoke('sessionctl', raise, { cwd })
  t.match(raised, { code: 0, stderr: /^Refreshed: 20 sessions \(10 before\) for Demonstration, until /m })
  t.match(await invoke('sessionctl', [...holdEleven, '--for', '0'], { cwd }), { code: 0 })
  const page = /manual-activation page: (http:\/\/127\.0\.0\.1:\d+\/)/.exec(demo.stderr)?.[1] ?? ''
  t.match(await (await fetch(page)).text(), /<h1/)

  const second = await runProgram('sessiond', ['demo'], { cwd })
  t.match(second, { code: 1, stderr: /error: This demonstration runs already/ })

  demo.signal('SIGINT')
  t.equal((await demo.finished()).code, 0)
  const license = readFileSync(join(cwd, '.demo/state/license.jws'))
  const again = new RunningProgram('sessiond', ['demo'], { cwd })
  t.teardown(async () => {
    again.signal('SIGKILL')
    await again.finished()
  })
  await again.printed(/sessiond is ready/)
  t.strictSame(readFileSync(join(cwd, '.demo/state/license.jws')), license, 'the license is used again')
})

/** Prepares a demonstration at some time, and stops its vendor. */
async function prepare(t: Test, folder: string, sessions: number, now: number): Promise<License> {
  const clocks = { wallNow: () => now, monotonicNow: () => performance.now() }
  const { license, vendor } = await setUpDemo(folder, sessions, silence(t), clocks)
  await vendor.stop('test')
  return license
}

t.test('what is still good is used again, what is not is made anew', async t => {
  const folder = join(t.testdir(), '.demo')
  const now = Date.now()
  const first = await prepare(t, folder, 10, now)
  t.match(first, { demonstration: true, maxSessions: 10, generation: 1, product: 'call-services' })
  t.strictSame(await prepare(t, folder, 10, now + DAY_MS), first)
  t.strictSame(await prepare(t, folder, 5, now + DAY_MS), first, 'a claim is never lowered')

  const expired = await prepare(t, folder, 10, now + 40 * DAY_MS)
  t.match(expired, { installationId: first.installationId, generation: 2, maxSessions: 10 })
  const larger = await prepare(t, folder, 120, now + 41 * DAY_MS)
  t.match(larger, { installationId: first.installationId, generation: 3, maxSessions: 120 })
  const renewed = await prepare(t, folder, 120, now + 3 * 365 * DAY_MS)
  t.match(renewed, { installationId: first.installationId, generation: 4 }, 'with a new issuing certificate')

  writeFileSync(join(folder, 'authority/issuing/issuing.pem'), 'damaged')
  writeFileSync(join(folder, 'authority/root/root.pem'), 'damaged')
  const anew = await prepare(t, folder, 12, now + 3 * 365 * DAY_MS + 1000)
  t.match(anew, { generation: 1, maxSessions: 12 })
  t.not(anew.installationId, first.installationId, 'a new authority knows no earlier installation')
})

t.test('a folder that is too deep for a socket', async t => {
  const deep = demoPaths(`/${'d'.repeat(100)}/.demo`)
  t.ok(deep.isSocketElsewhere)
  t.ok(Buffer.byteLength(deep.socket) <= 107)
  t.notOk(demoPaths('/srv/clone/.demo').isSocketElsewhere)

  const folder = join(t.testdir(), 'd'.repeat(100), '.demo')
  const { paths, vendor } = await setUpDemo(folder, 3, silence(t))
  await vendor.stop('test')
  const { config } = loadConfig({ file: paths.config, environment: {}, workingDirectory: '/' })
  t.equal(config.listen.unix.path, paths.socket)
  t.equal(config.stateDirectory, paths.state)
})

t.test('a folder that others may write is refused', async t => {
  const folder = t.testdir({ '.demo': {} })
  chmodSync(join(folder, '.demo'), 0o777)
  await t.rejects(setUpDemo(join(folder, '.demo'), 3, silence(t)), { code: 'demo-folder-unsafe' })
  t.notOk(existsSync(join(folder, '.demo', 'authority')))
})
