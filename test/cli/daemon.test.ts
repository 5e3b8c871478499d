import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { invoke } from './invoke.ts'
import { eventually } from './poll.ts'
import { RunningProgram } from './programs.ts'
import { issueByHand, makeVendorAndMachine, shortFolder } from './vendor.ts'

// Every program is a process of its own, on a machine that may be busy.
t.setTimeout(300_000)

const LISTENS = /"message":"sessiond listens\."/

/** A daemon as the unit starts it, ended with the test. */
async function startDaemon(test: Test, cwd: string): Promise<RunningProgram> {
  const daemon = new RunningProgram('sessiond', ['run', '--config', 'sessiond.yaml'], { cwd })
  test.teardown(async () => {
    daemon.signal('SIGKILL')
    await daemon.finished()
  })
  await daemon.printed(LISTENS)
  return daemon
}

function logOf(daemon: RunningProgram): Record<string, unknown>[] {
  return daemon.stdout
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line))
}

t.test('from no license to sessions that are held', async t => {
  const cwd = shortFolder(t)
  await makeVendorAndMachine(cwd)
  const ctl = (...args: string[]) => invoke('sessionctl', [...args, '--config', 'sessiond.yaml'], { cwd })
  const status = async () => JSON.parse((await ctl('status', '--json')).stdout)
  const daemon = await startDaemon(t, cwd)

  await t.test('without a license it runs, and says what to do', async t => {
    t.match(await ctl('license', 'show'), {
      code: 3,
      stdout: /^State +unlicensed\n.*No license is installed/,
    })
    t.match(
      (await ctl('status')).stdout,
      /^License +unlicensed: .*\n +What to do about it: sessionctl license show$/m,
    )
    t.match((await ctl('status')).stdout, /^Sessions +0 of 0 in use, no new one is granted; peak 0$/m)
    const held = await ctl('hold', '2', '--json')
    t.equal(held.code, 3, 'nothing was granted, so nothing is held')
    const answers = held.stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    t.match(answers, [
      { granted: false, reason: 'unlicensed' },
      { granted: false, reason: 'unlicensed' },
    ])
    t.match(held.stderr, '0 granted, 2 refused.')
  })

  await t.test('an installed license is in force at once', async t => {
    t.equal((await issueByHand(cwd, 'new.jws', ['--sessions', '3', '--feature', 'voice'])).code, 0)
    const installed = await ctl('license', 'install', 'new.jws')
    t.match(installed, { code: 0, stderr: /^Installed and in force: 3 sessions\. / })
    t.match(await ctl('license', 'show'), { code: 0, stdout: /^Sessions +3$/m })
  })

  await t.test('a bad file in its place changes nothing, and is told', async t => {
    const good = readFileSync(join(cwd, 'license.jws'))
    copyFileSync(join(cwd, 'r.jws'), join(cwd, 'license.jws'))
    const shown = await eventually(
      () => ctl('license', 'show'),
      ({ stdout }) => stdout.includes('Rejected'),
    )
    t.match(shown, { code: 0, stdout: /^State +active/ })
    t.match(shown.stdout, /^Rejected .*license-wrong-type/m)
    writeFileSync(join(cwd, 'license.jws'), good)
  })

  await t.test('sessions are held by a process until it is interrupted', async t => {
    const holder = new RunningProgram('sessionctl', ['hold', '3', '-a', 'ivr', '--config', 'sessiond.yaml'], {
      cwd,
    })
    await holder.printed(/Holding 3 sessions until Ctrl-C\./)
    t.match(await status(), { inUse: 3, limit: 3, applications: [{ name: 'ivr', inUse: 3 }] })
    const more = await ctl('hold', '1')
    t.equal(more.code, 3)
    t.match(more.stdout, /^hold-\d+-1 {2}refused: limit-reached\n$/)
    t.match(more.stderr, /^limit-reached: /m)

    const shown = await ctl('status')
    t.match(shown.stdout, /^License {6}active: /m)
    t.match(shown.stdout, /^Sessions {5}3 of 3 in use \(full\), 0 free; peak 3$/m)
    t.match(shown.stdout, /^Refused .*1 limit-reached/m)
    t.match(shown.stdout, /^ivr +3 +- +3 +0$/m)

    holder.signal('SIGINT')
    t.match(await holder.finished(), { code: 0, stdout: /^(hold-\d+-\d {2}granted\n){3}$/ })
    t.match(await status(), { inUse: 0 })
    // The usage state is held for a while; that must not read as if no session were free.
    t.match((await ctl('status')).stdout, /^Sessions {5}0 of 3 in use \(lately full\), 3 free; peak 3$/m)
    t.match((await ctl('top', '--once')).stdout, /\] 0\/3 lately full, peak 3$/m)
  })

  await t.test('status goes on with --watch until it is interrupted', async t => {
    const watcher = new RunningProgram(
      'sessionctl',
      ['status', '--watch', '--json', '--interval', '0.1', '--config', 'sessiond.yaml'],
      { cwd },
    )
    await watcher.printed(/^\{.*\}\n\{.*\}\n/)
    watcher.signal('SIGTERM')
    const { code, stdout } = await watcher.finished()
    t.equal(code, 0)
    for (const line of stdout.trim().split('\n')) t.match(JSON.parse(line), { limit: 3 })
    t.match(await ctl('status', '--watch', '--interval', '0'), { code: 2 })
  })

  await t.test('wrong numbers', async t => {
    for (const args of [['0'], ['1.5'], ['many'], ['1', '--for', '-1'], ['100001']]) {
      t.equal((await ctl('hold', ...args)).code, 2, args.join(' '))
    }
  })

  await t.test('SIGHUP takes what changed, and a wrong file changes nothing', async t => {
    const file = join(cwd, 'sessiond.yaml')
    const before = readFileSync(file, 'utf8')
    writeFileSync(file, `${before}lgo: 1\n`)
    daemon.signal('SIGHUP')
    await daemon.printed(/reload failed, everything stays as it was: .*did you mean 'log'/)
    writeFileSync(file, `${before}applications: {ivr: {max: 1}}\n`)
    daemon.signal('SIGHUP')
    await daemon.printed(/The configuration was reloaded/)
    t.match(await ctl('hold', '2', '-a', 'ivr', '--for', '0'), {
      code: 3,
      stdout: /granted\n.*application-limit-reached\n$/,
    })
  })

  await t.test('a second daemon on the same socket is refused', async t => {
    const second = await new RunningProgram('sessiond', ['run', '--config', 'sessiond.yaml'], {
      cwd,
    }).finished()
    t.equal(second.code, 1)
    t.match(second.stderr, /^error: .*\nhint: /)
  })

  await t.test('SIGTERM stops it in order', async t => {
    daemon.signal('SIGTERM')
    t.match(await daemon.finished(), { code: 0, stderr: '' })
    t.match(logOf(daemon).at(-1), { level: 'info', message: /stopped/ })
    const gone = await ctl('status', '--json')
    t.equal(gone.code, 1)
    t.match(JSON.parse(gone.stdout), {
      error: { code: 'daemon-not-running', hint: /systemctl start sessiond/ },
    })
  })
})

t.test('a holder keeps its sessions when the daemon is killed and started again', async t => {
  const cwd = shortFolder(t)
  await makeVendorAndMachine(cwd)
  t.equal((await issueByHand(cwd, 'license.jws', ['--sessions', '3'])).code, 0)
  const first = await startDaemon(t, cwd)
  const holder = new RunningProgram('sessionctl', ['hold', '3', '--config', 'sessiond.yaml'], { cwd })
  t.teardown(async () => {
    holder.signal('SIGKILL')
    await holder.finished()
  })
  await holder.printed(/Holding 3 sessions/)
  first.signal('SIGKILL')
  await first.finished()
  t.match(await invoke('sessionctl', ['status', '--config', 'sessiond.yaml'], { cwd }), {
    code: 1,
    stderr: /nobody listens on/,
  })
  await startDaemon(t, cwd)
  await holder.printed(/Connected again; 3 sessions resumed\./)
  const { stdout } = await invoke('sessionctl', ['status', '--json', '--config', 'sessiond.yaml'], { cwd })
  t.match(JSON.parse(stdout), { inUse: 3, orphaned: 0 })
})

t.test('a second signal does not wait for the end of draining', async t => {
  const cwd = shortFolder(t)
  const { config } = await makeVendorAndMachine(cwd)
  writeFileSync(config, readFileSync(config, 'utf8').replace('drainMs: 50', 'drainMs: 600000'))
  const daemon = await startDaemon(t, cwd)
  daemon.signal('SIGTERM')
  await daemon.printed(/sessiond stops\./)
  const ended = await eventually(
    () => {
      daemon.signal('SIGTERM')
      return daemon.child.exitCode
    },
    code => code !== null,
  )
  t.equal(ended, 143)
})

t.test('a configuration that is wrong starts nothing', async t => {
  const cwd = t.testdir({ 'sessiond.yaml': 'listn: {}\n' })
  const daemon = await new RunningProgram('sessiond', ['run', '--config', 'sessiond.yaml'], {
    cwd,
  }).finished()
  t.match(daemon, {
    code: 2,
    stdout: '',
    stderr: /sessiond\.yaml:1:1: key 'listn' is not known; did you mean 'listen'\?/,
  })
})

t.test('where the daemon is', async t => {
  const cwd = t.testdir({
    'a.yaml': 'listen: {unix: {path: a.sock}}\n',
    '.demo': { 'sessiond.yaml': 'listen: {unix: {path: demo.sock}}\n' },
  })
  const asked = async (args: string[], env: Record<string, string>) =>
    /(?:no socket|listens on) (\S+)\.\n/.exec(
      (await invoke('sessionctl', ['status', ...args], { cwd, env })).stderr,
    )?.[1]
  const environment = { SESSIOND_SOCKET: '/env.sock', SESSIOND_CONFIG: 'a.yaml' }
  t.equal(await asked(['--socket', 's.sock', '--config', 'a.yaml'], environment), join(cwd, 's.sock'))
  t.equal(
    await asked(['--config', 'a.yaml'], environment),
    join(cwd, 'a.sock'),
    'a flag goes over a variable',
  )
  t.equal(await asked([], environment), '/env.sock')
  t.equal(await asked([], { SESSIOND_CONFIG: 'a.yaml' }), join(cwd, 'a.sock'))
  t.equal(await asked([], { SESSIOND_SOCKET: '' }), join(cwd, '.demo', 'demo.sock'))
  t.match(
    (await invoke('sessionctl', ['status'], { cwd })).stderr,
    /^Using the demonstration in \.demo, as there is no \/etc/,
  )
})
