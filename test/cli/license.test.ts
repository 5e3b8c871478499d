import { copyFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { initAuthority } from '../../src/licensing-server/authority-files.ts'
import { invoke } from './invoke.ts'
import { issueByHand, makeVendorAndMachine } from './vendor.ts'

const cwd = t.testdir()
const ctl = (...args: string[]) => invoke('sessionctl', [...args, '--config', 'sessiond.yaml'], { cwd })

await makeVendorAndMachine(cwd)
const issued = await issueByHand(cwd, 'good.jws', [
  '--sessions',
  '7',
  '--expires',
  '2099-12-31',
  '--feature',
  'voice',
])
t.equal(issued.code, 0, issued.stderr)

t.test('a good license', async t => {
  t.match(await ctl('license', 'check', 'good.jws'), { code: 0, stdout: 'good.jws: valid, 7 sessions\n' })
  const shown = await ctl('license', 'show', 'good.jws')
  t.equal(shown.code, 0)
  t.match(shown.stdout, /^Verdict {7}valid$/m)
  t.match(
    shown.stdout,
    /^State {9}active: The license is active until 2099-12-31 23:59:59 UTC; its grace ends on 2100-01-14 /m,
  )
  t.match(shown.stdout, /^Customer {6}Example Telecom \(example-telecom\)$/m)
  t.match(shown.stdout, /^Expires {7}2099-12-31 23:59:59 UTC$/m)
  t.match(shown.stdout, /^Machine {7}Every licensed part of this machine is unchanged\.$/m)
  const json = await ctl('license', 'show', 'good.jws', '--json')
  t.match(JSON.parse(json.stdout), {
    file: join(cwd, 'good.jws'),
    valid: true,
    problem: null,
    state: 'active',
    license: { maxSessions: 7, features: ['voice'] },
    fingerprintMatch: { matches: true },
    issuer: { name: 'Test Vendor License Issuing' },
  })
})

t.test('each wrong license has its code, a message, what to do, and exit code 3', async t => {
  const good = readFileSync(join(cwd, 'good.jws'), 'utf8').trim()
  const [header = '', payload = '', signature = ''] = good.split('.')
  const signed = Buffer.from(payload, 'base64url').toString('utf8')
  const forged = Buffer.from(signed.replace('"maxSessions":7', '"maxSessions":9')).toString('base64url')
  t.not(forged, payload)
  const cases = {
    'license-not-parsable': 'not a license',
    'license-wrong-type': readFileSync(join(cwd, 'r.jws'), 'utf8'),
    'license-signature-invalid': [header, forged, signature].join('.'),
    'license-too-large': 'x'.repeat(70_000),
  }
  for (const [code, text] of Object.entries(cases)) {
    writeFileSync(join(cwd, 'bad.jws'), text)
    const checked = await ctl('license', 'check', 'bad.jws')
    t.equal(checked.code, 3, code)
    t.match(checked.stdout, `bad.jws: ${code}: `)
    t.match(checked.stderr, /^hint: /)
    const shown = await ctl('license', 'show', 'bad.jws', '--json')
    t.equal(shown.code, 3)
    t.match(JSON.parse(shown.stdout), { valid: false, problem: { code }, state: null, license: null })
    t.match((await ctl('license', 'show', 'bad.jws')).stdout, /^Verdict {7}invalid$/m)
  }
})

t.test('a license file is in one of the states of a license', async t => {
  const dayMs = 86_400_000
  const expires = new Date(Date.now() + 5 * dayMs).toISOString().slice(0, 10)
  await issueByHand(cwd, 'five-days.jws', ['--sessions', '7', '--expires', expires])
  const states = [
    [0, 'expiring', 0],
    [7, 'grace', 0],
    [25, 'expired', 3],
  ] as const
  const { now } = Date
  t.teardown(() => {
    Date.now = now
  })
  for (const [days, state, code] of states) {
    Date.now = () => now() + days * dayMs
    const shown = await ctl('license', 'show', 'five-days.jws')
    const json = await ctl('license', 'show', 'five-days.jws', '--json')
    Date.now = now
    t.match(shown, { code, stdout: new RegExp(`^State {9}${state}`, 'm') })
    t.match(JSON.parse(json.stdout), { state })
  }
})

t.test('a license of another machine is only good away from here', async t => {
  copyFileSync(join(cwd, 'sessiond.yaml'), join(cwd, 'other.yaml'))
  writeFileSync(
    join(cwd, 'other.yaml'),
    readFileSync(join(cwd, 'sessiond.yaml'), 'utf8').replace(
      'stateDirectory: state',
      'stateDirectory: other',
    ),
  )
  const check = (...args: string[]) =>
    invoke('sessionctl', ['license', 'check', 'good.jws', '--config', 'other.yaml', ...args], { cwd })
  t.match(await check(), { code: 3, stdout: /license-other-machine-key/ })
  t.match(await check('--any-machine'), { code: 0 })
})

t.test('a vendor that is not trusted', async t => {
  const folder = t.testdir()
  await initAuthority(folder, { organization: 'Another', now: Date.now(), rootBits: 3072 })
  const env = { SESSIOND_LICENSE_TRUST_DIRECTORY: join(folder, 'trust') }
  const args = ['license', 'check', 'good.jws', '--config', 'sessiond.yaml']
  t.match(await invoke('sessionctl', args, { cwd, env }), { code: 3, stdout: /license-chain-untrusted/ })
  const none = { SESSIOND_LICENSE_TRUST_DIRECTORY: t.testdir({ empty: {} }) }
  t.match(await invoke('sessionctl', args, { cwd, env: none }), {
    code: 1,
    stderr: /There is no root certificate/,
  })
})

t.test('install refuses a bad license and keeps the good one', async t => {
  const installed = join(cwd, 'license.jws')
  const first = await ctl('license', 'install', 'good.jws')
  t.equal(first.code, 0, first.stderr)
  t.match(first.stderr, `Installed in ${installed}. sessiond is not running`)
  t.equal(statSync(installed).mode & 0o777, 0o640)
  const before = readFileSync(installed)

  const refused = await ctl('license', 'install', 'r.jws', '--json')
  t.equal(refused.code, 3)
  t.match(JSON.parse(refused.stdout), { outcome: 'refused', problem: { code: 'license-wrong-type' } })
  t.match(refused.stderr, 'The license that was there stays in force.')
  t.strictSame(readFileSync(installed), before)

  t.equal((await issueByHand(cwd, 'newer.jws', ['--sessions', '8'])).code, 0)
  t.match(await ctl('license', 'install', 'newer.jws'), { code: 0 })
  const older = await ctl('license', 'install', 'good.jws', '--json')
  t.match(JSON.parse(older.stdout), { outcome: 'refused', problem: { code: 'license-superseded' } })
  t.match(await ctl('license', 'install', 'missing.jws'), {
    code: 1,
    stderr: /There is no file .*missing\.jws\./,
  })
})

t.test('a license that nobody can write', async t => {
  const env = { SESSIOND_LICENSE_FILE: join(cwd, 'no-such-folder', 'license.jws') }
  const args = ['license', 'install', 'newer.jws', '--config', 'sessiond.yaml', '--json']
  const failed = await invoke('sessionctl', args, { cwd, env })
  t.equal(failed.code, 1)
  t.match(JSON.parse(failed.stdout), { error: { code: 'file-not-writable', hint: /ls -ld/ } })
  t.notOk(existsSync(join(cwd, 'no-such-folder')))
})
