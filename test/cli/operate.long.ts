import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import t, { type Test } from 'tap'
import { openAs, startHere } from '../support/daemon.ts'
import { Site } from '../support/site.ts'
import { invoke } from './invoke.ts'
import { runProgram } from './programs.ts'

t.setTimeout(120_000)

const OTHER_INSTALLATION = '5e551000-0000-4000-8000-000000000002'

async function start(t: Test, settings: ConstructorParameters<typeof Site>[1] = {}) {
  const site = new Site(t, settings)
  const config = site.writeConfig()
  const ctl = (...args: string[]) => invoke('sessionctl', [...args, '--config', config], { cwd: site.folder })
  const json = async (...args: string[]) => JSON.parse((await ctl(...args, '--json')).stdout)
  return { site, config, ctl, json }
}

t.test('sessions are listed, shown and released, and all of it is in the audit trail', async t => {
  const { site, config, ctl, json } = await start(t)
  await site.license({ maxSessions: 3 })
  const { logged } = await startHere(t, site)
  await logged('Operators are served.')
  const holder = await openAs(t, site.socket, { clientId: 'ivr-7', application: 'ivr' })
  for (const key of ['call-1', 'call-2']) await holder.call('session.acquire', { key })

  const listed = await ctl('sessions', 'list')
  t.match(listed.stdout, /^0-[0-9a-f]{12} +ivr +ivr-7 +- +\d+ s +held +call-1$/m)
  t.match((await ctl('sessions', 'list', '--limit', '1')).stdout, /^1 more, younger ones\.$/m)
  t.match(await ctl('sessions', 'list', '--longer-than', '1h'), { code: 0, stdout: 'No session matches.\n' })
  t.match(await ctl('sessions', 'list', '--orphaned'), { stdout: 'No session matches.\n' })
  const { sessions } = await json('sessions', 'list', '-a', 'ivr', '--client', 'ivr-7')
  const id = sessions[0].id as string
  t.match(await ctl('sessions', 'show', id), { code: 0, stdout: /^Key +call-1$/m })

  const asked = await ctl('sessions', 'release', id)
  t.match(asked, { code: 1, stderr: /has to be confirmed: Release session .*one more than licensed/ })
  // As operators run it: a process of its own.
  const released = await runProgram('sessionctl', [
    'sessions',
    'release',
    id,
    '--yes',
    '--reason',
    'gone',
    '--config',
    config,
  ])
  t.match(released, { code: 0, stderr: /^Released: session .*key call-1/ })
  t.match(await ctl('sessions', 'release', id, '--yes'), { code: 3, stderr: /There is no session/ })
  t.match(await ctl('sessions', 'show', id, '--json'), { code: 3, stdout: /"session": null/ })
  t.match(await json('status'), { inUse: 1 })

  const { events } = await json('audit', '--since', '1h')
  t.match(events.at(-1), {
    what: 'session.released',
    actor: { certainty: 'claimed', uid: process.getuid?.() },
    before: { id },
    detail: { reason: 'gone' },
  })
  t.match(
    (await ctl('audit')).stdout,
    /session\.released {2}by \S+ \(uid \d+, claimed\) with operators-socket\n/,
  )
  t.match(await ctl('audit', '--since', '2999-01-01'), { code: 0, stdout: 'No event.\n' })

  t.match(await ctl('sessions', 'list', '--socket', site.config.listen.unix.path), {
    code: 1,
    stderr: /operators' socket alone.*\n.*listen\.operators\.path/,
  })
  for (const wrong of [
    ['sessions', 'show', 'call-1'],
    ['sessions', 'list', '--limit', '0'],
    ['sessions', 'list', '--longer-than', 'ages'],
    ['audit', '--since', 'yesterday'],
    ['audit', '--limit', '0'],
    ['audit', '--verify', '--expect', 'x'],
    ['top', '--interval', '0'],
    ['top'],
  ]) {
    t.equal((await ctl(...wrong)).code, 2, wrong.join(' '))
  }
  t.match((await ctl('top', '--once')).stdout, /^\[#+\.+\] 1\/3 safe, peak 2$/m)
  const looked = await json('top', '--once')
  t.match(looked, { status: { inUse: 1 }, longest: [{ key: 'call-2' }] })
})

t.test('a trail that was changed is found out, with exit code 3', async t => {
  const { site, ctl, json } = await start(t)
  t.match(await ctl('audit'), { code: 1, stderr: /There is no state in/ })
  await site.license()
  await (await startHere(t, site)).stop()
  const intact = await json('audit', '--verify')
  t.match(intact, { intact: true, events: 3, head: { number: 3 } })
  const noted = `${intact.head.number}:${intact.head.hash}`
  t.match(await ctl('audit', '--verify', '--expect', noted), {
    code: 0,
    stdout: new RegExp(`^Last: ${noted}$`, 'm'),
  })
  t.match(await ctl('audit', '--verify', '--expect', noted.replace('3:', '9:')), {
    code: 3,
    stdout: /is not there/,
  })
  t.match(await ctl('audit', '--verify', '--expect', noted.replace('3:', '2:')), {
    code: 3,
    stdout: /was changed/,
  })
  const db = new Database(site.stateFile)
  db.exec(
    "DROP TRIGGER audit_is_not_changed; UPDATE audit SET body = replace(body, 'daemon', 'demon') WHERE number = 2",
  )
  db.close()
  t.match(await ctl('audit', '--verify'), { code: 3, stdout: /^Broken: event 2 was changed/ })
  t.match(await json('doctor'), { healthy: false })
})

t.test('a license is simulated, and an earlier one put back where it is still valid', async t => {
  const { site, ctl, json } = await start(t, {
    applications: { fax: { max: null, feature: 'fax', maxDurationSeconds: null } },
  })
  await site.license({ maxSessions: 3, features: ['fax'] })
  const here = await startHere(t, site)
  const holder = await openAs(t, site.socket)
  for (const key of ['a', 'b', 'c']) await holder.call('session.acquire', { key, application: 'fax' })
  const smaller = await site.sign({ maxSessions: 2 }, { installationId: OTHER_INSTALLATION })
  writeFileSync(join(site.folder, 'smaller.jws'), smaller)

  const told = await ctl('license', 'simulate', 'smaller.jws')
  t.match(told, { code: 0, stdout: /^It would be accepted\.\n/ })
  t.match(told.stdout, /^ +sessions +3 -> 2$/m)
  t.match(
    told.stdout,
    /That is 1 above it\. None of them is dropped; new ones are refused until 2 have ended\./,
  )
  t.match(told.stdout, /fax \(3 in use\) would get no new session/)
  t.match(await json('license', 'simulate', 'smaller.jws'), {
    wouldBeAccepted: true,
    use: { inUse: 3, limit: 2, above: 1, withoutFeature: [{ name: 'fax', inUse: 3 }] },
  })
  t.match(await json('license', 'show'), { limit: 3 }, 'nothing was changed')
  writeFileSync(join(site.folder, 'bad.jws'), 'x')
  t.match(await ctl('license', 'simulate', 'bad.jws'), { code: 3, stdout: /^It would not be accepted: / })

  t.match(await ctl('license', 'rollback', '--yes'), { code: 3, stderr: /no earlier license/ })
  t.match(await ctl('license', 'install', 'smaller.jws'), { code: 0, stderr: /in force: 2 sessions/ })
  t.match(await json('status'), { limit: 2, inUse: 3 }, 'and no session was dropped')
  t.match(await json('license', 'history'), {
    licenses: [
      { origin: 'license-file', license: { maxSessions: 3 }, couldBeInForceAgain: true },
      { origin: 'license-file', license: { maxSessions: 2 } },
    ],
  })
  t.match(await ctl('license', 'rollback'), { code: 1, stderr: /has to be confirmed/ })
  const back = await ctl('license', 'rollback', '--yes')
  t.match(back, { code: 0, stderr: /^Rolled back to license .*\nIn force: 3 sessions/ })
  t.match(await json('license', 'show'), { limit: 3 })
  await here.stop()
  const { events } = await json('audit')
  t.match(
    events.filter(({ what }: { what: string }) => /^license\.(?!state)/.test(what)),
    [
      { what: 'license.accepted' },
      { what: 'license.accepted', before: { maxSessions: 3 }, after: { maxSessions: 2 } },
      { what: 'license.installed', actor: { program: 'sessionctl', certainty: 'seen' } },
      {
        what: 'license.rolled-back',
        actor: { program: 'sessionctl', certainty: 'seen' },
        after: { maxSessions: 3 },
      },
    ],
  )

  // A newer generation of that installation, once in force, rules the older out for good, whatever came after it.
  site.install(await site.sign({ maxSessions: 1 }))
  await (await startHere(t, site)).stop()
  site.install(await site.sign({ maxSessions: 4 }, { installationId: OTHER_INSTALLATION }))
  await (await startHere(t, site)).stop()
  const { licenses } = await json('license', 'history')
  t.match(
    licenses.map(({ problem }: { problem: string }) => problem),
    ['license-superseded', 'license-superseded', 'license-superseded', null, null],
  )
  t.match((await ctl('license', 'history')).stdout, /superseded\n[\s\S]*could be again\n[\s\S]*in force$/m)
})

t.test('a repair is rehearsed', async t => {
  const { site, ctl, json } = await start(t)
  await site.license()
  const all = await ctl('fingerprint', '--rehearse', 'all')
  t.equal(all.code, 0, all.stderr)
  t.match(all.stdout, /^machine-id: fits$/m)
  t.match(await ctl('fingerprint', '--rehearse', 'machine-id'), { code: 0, stdout: /^machine-id: fits\. / })
  const { rehearsals } = await json('fingerprint', '--rehearse', 'all')
  const both = rehearsals.find(({ replaced }: { replaced: string[] }) => replaced.length > 1)
  t.match(both, { fits: false })
  const named = await ctl('fingerprint', '--rehearse', both.replaced.join(','))
  t.match(named, { code: 3, stdout: /fits no more\. This is another machine/ })
  t.match(await ctl('fingerprint', '--rehearse', 'soul'), {
    code: 2,
    stderr: /no part "soul".*\n.*machine-id/,
  })
})

t.test('the doctor says what is wrong, and what mends it', async t => {
  const { site, config, ctl, json } = await start(t, {
    licensingServer: { url: 'http://127.0.0.1:9', caFile: null, timeoutMs: 1000 },
  })
  const of = (findings: { check: string }[], name: string) => findings.find(({ check }) => check === name)
  const sick = await ctl('doctor', '--json')
  t.equal(sick.code, 3)
  const { findings } = JSON.parse(sick.stdout)
  t.match(of(findings, 'daemon'), { result: 'failed', mend: /systemctl start sessiond/ })
  t.match(of(findings, 'socket'), { result: 'failed' })
  t.match(of(findings, 'license-file'), { result: 'failed', mend: /sessionctl activate/ })
  t.match(of(findings, 'licensing-server'), {
    result: 'failed',
    message: /ECONNREFUSED|bad port/,
    mend: /^curl -sv/,
  })
  for (const { result, mend } of findings) {
    if (result === 'failed' || result === 'warning') t.ok(mend, 'each failure says what mends it')
  }

  site.config.licensingServer.url = null
  site.writeConfig()
  await site.license({ expiresOn: null })
  const { logged } = await startHere(t, site)
  await logged('Operators are served.')
  const well = await ctl('doctor')
  t.equal(well.code, 0, well.stdout)
  t.match(well.stdout, /^ok +daemon +It answers/m)
  t.match(await json('doctor'), { healthy: true })

  writeFileSync(site.config.license.file, 'no license')
  await logged('The license file was not taken')
  const spoiled = await json('doctor')
  t.match(
    spoiled.findings.filter(({ check }: { check: string }) => check === 'license-file'),
    [{ result: 'failed', mend: /./ }],
    'a bad license file is told once',
  )

  writeFileSync(config, 'listen: {unix: {pth: x}}\n')
  t.match(await ctl('doctor'), { code: 3, stdout: /^FAILED +config [\s\S]*pth/ })
})

t.test('each program completes itself in bash and zsh', async t => {
  for (const name of ['sessionctl', 'sessiond', 'licensing-server'] as const) {
    const bash = await runProgram(name, ['completion'], { env: { SHELL: '/bin/bash' } })
    t.match(bash, { code: 0, stdout: /complete -o bashdefault.* -F _\S+_yargs_completions/ }, name)
  }
  const zsh = await runProgram('sessionctl', ['completion'], { env: { SHELL: '/bin/zsh', ZSH_NAME: 'zsh' } })
  t.match(zsh, { code: 0, stdout: /^#compdef sessionctl/ })
  const completed = await runProgram('sessionctl', ['--get-yargs-completions', 'sessionctl', 'license', ''])
  for (const word of ['simulate', 'history', 'rollback']) t.match(completed.stdout, word)
})
