import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { invoke } from './invoke.ts'
import { issueByHand, makeVendorAndMachine } from './vendor.ts'

t.test('init makes an authority, once', async t => {
  const cwd = t.testdir()
  const args = ['init', '--dir', 'a', '--organization', 'Example Telephony']
  const first = await invoke('licensing-server', args, { cwd })
  t.equal(first.code, 0)
  t.match(
    first.stdout,
    /^Issuing certificate "Example Telephony License Issuing", serial number [0-9A-F]{32}, valid until /,
  )
  t.match(first.stderr, `Take ${cwd}/a/root offline now`)
  t.equal(statSync(join(cwd, 'a/root/root.key')).mode & 0o777, 0o600)
  const root = readFileSync(join(cwd, 'a/trust/root.pem'), 'utf8')

  const second = await invoke('licensing-server', [...args, '--json'], { cwd })
  t.equal(second.code, 1)
  t.match(JSON.parse(second.stdout), { error: { code: 'authority-exists' } })
  t.equal(readFileSync(join(cwd, 'a/trust/root.pem'), 'utf8'), root)
  t.equal((await invoke('licensing-server', ['init', '--dir', 'b'], { cwd })).code, 2)
})

t.test('issue, renew, revoke', async t => {
  const cwd = t.testdir()
  await makeVendorAndMachine(cwd)
  const terms = [
    '--sessions',
    '7',
    '--expires',
    '2099-12-31',
    '--grace-days',
    '3',
    '--feature',
    'voice',
    '--feature',
    'fax',
    '--versions',
    '5.0..5.x',
  ]
  const issued = await issueByHand(cwd, 'first.jws', [...terms, '--json'])
  t.equal(issued.code, 0, issued.stderr)
  t.match(JSON.parse(issued.stdout), {
    issued: true,
    file: join(cwd, 'first.jws'),
    license: {
      customer: { id: 'example-telecom', name: 'Example Telecom' },
      maxSessions: 7,
      expiresAt: '2099-12-31T23:59:59Z',
      graceDays: 3,
      features: ['voice', 'fax'],
      versions: { from: '5.0', to: '5.x' },
      generation: 1,
    },
  })
  t.match(await issueByHand(cwd, 'first.jws', terms), {
    code: 1,
    stderr: /first\.jws exists already and is not replaced/,
  })

  const check = async (file: string, ...more: string[]) =>
    JSON.parse(
      (
        await invoke('sessionctl', ['license', 'check', file, '--config', 'sessiond.yaml', '--json'], {
          cwd,
          env: Object.fromEntries(more.map(pair => pair.split('='))),
        })
      ).stdout,
    )
  t.match(await check('first.jws'), { valid: true })

  const old = readFileSync(join(cwd, 'authority/issuing/issuing.pem'), 'utf8')
  const renewed = await invoke('licensing-server', ['renew-issuing', '--dir', 'authority'], { cwd })
  t.equal(renewed.code, 0)
  t.not(readFileSync(join(cwd, 'authority/issuing/issuing.pem'), 'utf8'), old)
  t.match(await check('first.jws'), { valid: true }, 'licenses of the old certificate stay good')
  t.equal((await issueByHand(cwd, 'second.jws', terms)).code, 0)

  const serial = /serial number ([0-9A-F]+)/.exec(renewed.stdout)?.[1]
  t.notOk(existsSync(join(cwd, `authority/issuing/previous/${serial}.pem`)))
  const unconfirmed = await invoke(
    'licensing-server',
    ['revoke', 'authority/issuing/issuing.pem', '--dir', 'authority', '--reason', 'stolen'],
    { cwd },
  )
  t.match(unconfirmed, { code: 1, stderr: /has to be confirmed: Every license .*\n.*--yes/ })
  t.notOk(existsSync(join(cwd, 'authority/trust/revoked.jws')))
  const revoked = await invoke(
    'licensing-server',
    ['revoke', 'authority/issuing/issuing.pem', '--dir', 'authority', '--reason', 'stolen', '--yes'],
    { cwd },
  )
  t.equal(revoked.code, 0, revoked.stderr)
  t.equal(revoked.stdout, 'Revocation list 1: 1 revoked\n')
  const list = `SESSIOND_LICENSE_REVOCATION_FILE=${join(cwd, 'authority/trust/revoked.jws')}`
  t.match(await check('second.jws', list), { valid: false, problem: { code: 'license-issuer-revoked' } })
  t.match(await check('first.jws', list), { valid: true })
})

t.test('a request that is none is refused', async t => {
  const cwd = t.testdir({ 'r.jws': 'nonsense' })
  await makeVendorAndMachine(cwd)
  const args = [
    'issue',
    '--dir',
    'authority',
    '--customer',
    'C',
    '--sessions',
    '1',
    '--out',
    'l.jws',
    '--request',
  ]
  const refused = await invoke('licensing-server', [...args, 'r.jws', '--json'], { cwd })
  t.equal(refused.code, 3)
  t.match(JSON.parse(refused.stdout), { issued: false, problem: { code: 'request-not-parsable' } })
  t.match(refused.stderr, /^Not issued: .*\nhint: /)
  t.notOk(existsSync(join(cwd, 'l.jws')))
  t.match(await invoke('licensing-server', [...args, 'missing.jws'], { cwd }), {
    code: 1,
    stderr: /There is no file .*missing\.jws\./,
  })
  const terms = ['--expires', '2027-02-30', '--sessions', '1']
  t.match(await issueByHand(cwd, 'l.jws', terms), { code: 1, stderr: /2027-02-30/ })
})
