// The whole scheme between real processes: the vendor's licensing server with its commands, and the customer's
// machines, each with its daemon and its operator's command line.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { invoke } from '../cli/invoke.ts'
import { until } from '../support/until.ts'
import { type Machine, Scene } from './scene.ts'

const day = 86_400_000
const boundMs = 30_000

// A dozen processes, and an RSA key of 4096 bits.
t.setTimeout(300_000)

const scene = new Scene(t)
let key = ''
let first: Machine
let second: Machine
let third: Machine

async function claimed(): Promise<number> {
  return (await scene.ask('pool show calls')).claimed
}

async function licenseOf(machine: Machine) {
  const client = await machine.connect()
  const license = await client.call('license.get')
  await client.cut()
  return license
}

function becomes(
  machine: Machine,
  what: string,
  is: (license: Awaited<ReturnType<typeof licenseOf>>) => boolean,
) {
  return until(`${machine.name}: ${what}`, async () => is(await licenseOf(machine)), boundMs)
}

t.test('a vendor opens its house, a customer buys a pool of 100', async t => {
  await scene.found()
  await scene.startServer()
  const who = ['--representative', 'Ada Lovelace', '--email', 'ada@vendor.example']
  await scene.vendor('customer add acme --name Acme', ...who)
  const terms = '--versions 5.0..5.x --grace-days 5 --reactivate-hours 24 --required-within-days 30'
  await scene.vendor('pool open acme --id calls --sessions 100 --expires 2098-12-31', ...terms.split(' '))
  key = (await scene.ask('key create calls')).installationKey
  t.match(key, /^[A-Z0-9-]{10,}$/)
})

t.test('three installations share it: 50 + 40 + 10', async t => {
  first = scene.machine('first')
  second = scene.machine('second')
  third = scene.machine('third')
  const shares = [
    [first, 50],
    [second, 40],
    [third, 10],
  ] as const
  await Promise.all(
    shares.map(async ([machine, sessions]) => {
      machine.write('installation.key', `${key}\n`)
      const share = ['--key-file', 'installation.key', '--sessions', `${sessions}`]
      const { code, stderr } = await machine.process('activate', ...share)
      t.equal(code, 0, stderr)
      t.match(
        stderr,
        `Activated: ${sessions} sessions for Acme, until 2098-12-31 23:59:59 UTC, in grace until 2099-01-05 23:59:59 UTC; generation 1.`,
      )
      t.match(stderr, 'sessiond is not running; it takes the license when it starts.')
    }),
  )
  t.equal(await claimed(), 100)
  await Promise.all([first.startDaemon(), second.startDaemon(), third.startDaemon()])
  t.match(await licenseOf(first), { state: 'active', limit: 50, generation: 1 })
  t.match(await licenseOf(second), { limit: 40 })
  t.match(await licenseOf(third), { limit: 10 })
})

t.test('the fourth is refused: none left, and whom to ask', async t => {
  const fourth = scene.machine('fourth')
  const refused = await fourth.activate(key, '--sessions', '1')
  t.equal(refused.code, 3)
  t.match(refused.stderr, 'The pool of 100 sessions has none left; 1 more is needed. (pool-exhausted)')
  t.match(
    refused.stderr,
    /hint: Ask your account representative, Ada Lovelace \(ada@vendor\.example\) to add sessions\./,
  )
  const told = await fourth.activate(key, '--sessions', '1', '--json')
  t.match(JSON.parse(told.stdout), {
    outcome: 'refused',
    code: 'pool-exhausted',
    representative: { name: 'Ada Lovelace' },
    pool: { available: 0, needed: 1, total: 100, unit: 'sessions' },
  })
  t.equal(await claimed(), 100)
})

t.test('20 are added; one machine raises its claim by the difference, while calls run', async t => {
  await scene.vendor('pool add-sessions calls 20 --yes')
  const caller = await first.connect()
  await caller.acquireAll(['live-1', 'live-2'])
  const raised = await first.process('reactivate --sessions 60')
  t.match(raised, { code: 0, stderr: /Refreshed: 60 sessions \(50 before\) for Acme/ })
  t.equal(await claimed(), 110)
  await becomes(first, 'it has 60', license => license.limit === 60)
  t.match(await caller.call('status.get'), { inUse: 2, orphaned: 0, limit: 60 })
  const lowered = await first.ctl('reactivate --sessions 30')
  t.match(lowered, { code: 3, stderr: /a claim is never lowered or returned/ })
  const fourth = await scene.machine('fourth').activate(key, '--sessions', '11')
  t.match(fourth, { code: 3, stderr: /has 10 sessions left; 11 are needed/ })
})

t.test('an extended expiry is picked up by periodic reactivation', async t => {
  await scene.vendor('pool change calls --expires 2099-12-31 --feature fax')
  t.match(await licenseOf(second), { expiresAt: '2098-12-31T23:59:59Z', features: [] })
  second.configure({ intervalSeconds: 1 })
  second.reload()
  await becomes(second, 'its end is a year later', license => license.expiresAt === '2099-12-31T23:59:59Z')
  second.configure({})
  second.reload()
  const client = await second.connect()
  t.match(await client.call('license.get'), { features: ['fax'], limit: 40, state: 'active' })
  t.match((await client.call('status.get')).reactivation, {
    owner: 'daemon',
    lastOutcome: 'refreshed',
    failures: 0,
  })
  t.equal(await claimed(), 110, 'it consumes nothing')
})

t.test('a transfer by wire: the old machine is deactivated, then the new one activates', async t => {
  const { transferId, installationKey } = await scene.ask(
    'transfer start --yes',
    await third.installationId(),
  )
  const heir = scene.machine('heir')
  t.match(await heir.activate(installationKey), { code: 3, stderr: /once the old machine has confirmed/ })
  const confirmed = await third.ctl('reactivate')
  t.match(confirmed, { code: 0, stderr: /is deactivated: its claim goes to another machine/ })
  await becomes(third, 'it grants nothing', license => license.state === 'deactivated' && license.limit === 0)
  t.match(await third.ctl('license show'), { code: 3, stdout: /deactivated/ })
  const [transfer] = await scene.ask('transfer list')
  t.match(transfer, { transferId, state: 'waiting' })
  t.match(await heir.activate(installationKey), { code: 0, stderr: /Activated: 10 sessions/ })
  t.equal(await claimed(), 110)
  t.match(
    await third.ctl('reactivate'),
    { code: 0, stderr: /is deactivated/ },
    'the old one is told so for good',
  )
})

t.test('a transfer by file: nothing but files goes between machine and vendor', async t => {
  const { installationKey } = await scene.ask('transfer start --yes', await second.installationId())
  await second.ctl('activate --request-file r.jws')
  await scene.vendor('answer', second.file('r.jws'), '--out', second.file('l.jws'))
  t.match(await second.ctl('license install l.jws'), {
    code: 0,
    stderr: /Installed and in force: 0 sessions/,
  })
  t.match(await second.ctl('activate --request-file c.jws'), {
    code: 0,
    stderr: /confirmation that this machine is deactivated/,
  })
  t.match(await scene.vendor('answer', second.file('c.jws')), { stdout: /has confirmed/ })

  const heir = scene.machine('heir-by-file')
  await heir.ctl('activate --request-file r.jws')
  heir.write('key', installationKey)
  await scene.vendor(
    'answer',
    heir.file('r.jws'),
    '--key-file',
    heir.file('key'),
    '--out',
    heir.file('l.jws'),
  )
  t.match(await heir.ctl('license install l.jws'), { code: 0 })
  t.match(await heir.ctl('license show license.jws'), { code: 0, stdout: /Sessions +40/ })
  t.equal(await claimed(), 110)
})

t.test(
  'a clone is noticed when the second copy reactivates, and cleared or not by the representative',
  async t => {
    const copy = first.clone('copy')
    t.match(await first.ctl('reactivate'), { code: 0 })
    t.match(await copy.ctl('reactivate'), { code: 0 }, 'a restored backup looks the same: served, and noted')
    const installationId = await first.installationId()
    const suspected = await scene.ask('installation list --standing clone-suspected')
    t.match(suspected, [{ installationId }])
    t.match(await first.ctl('reactivate'), {
      code: 3,
      stderr: /Another copy of this machine was licensed since/,
    })
    t.match(await licenseOf(first), { state: 'active', limit: 60 }, 'what it holds stays as good as it was')
    await scene.vendor('installation block', installationId, '--note', 'Nobody answers.')
    t.match(await copy.ctl('reactivate'), {
      code: 3,
      stderr: /\(installation-blocked\)\nhint: .*Ada Lovelace/,
    })
    await scene.vendor('installation clear', installationId, '--note', 'The copy was shut down.')
    t.match(await first.ctl('reactivate'), { code: 0 })
    t.strictSame(await scene.ask('installation list --standing clone-suspected'), [])
  },
)

t.test('a dead machine: moved on a declaration; it comes back alive and is told', async t => {
  const dead = scene.machine('dead')
  t.match(await dead.activate(key, '--sessions', '3'), { code: 0 })
  const claimedBefore = await claimed()
  const installationId = await dead.installationId()
  const forced = await scene.ask('transfer force --yes --declaration', 'It burnt on 3 May.', installationId)
  t.match(forced, { state: 'waiting', units: 3, declaration: 'It burnt on 3 May.' })
  const heir = scene.machine('heir-of-dead')
  t.match(await heir.activate(forced.installationKey), { code: 0, stderr: /Activated: 3 sessions/ })
  t.equal(await claimed(), claimedBefore)
  t.match(await dead.ctl('license show license.jws'), { code: 0, stdout: /State +active: / })
  t.match(await dead.ctl('reactivate'), { code: 0, stderr: /is deactivated: its claim goes to another/ })
  t.match(await dead.ctl('license show license.jws'), { stdout: /State +deactivated: / })
  const shown = await scene.vendor('installation show', installationId)
  t.match(shown.stdout, /Declared: It burnt on 3 May\.\n[\s\S]*deactivation-confirmed/)
  t.match(await scene.machine('third-heir').activate(forced.installationKey), {
    code: 3,
    stderr: /transfer-key-used/,
  })
})

t.test('a seat of Studio is claimed the same way, one a machine', async t => {
  await scene.vendor('pool open acme --id studio --product studio --seats 1 --versions 5.0..5.x')
  const { installationKey } = await scene.ask('key create studio')
  const desk = scene.machine('desk')
  const studio = ['--product', 'studio', '--product-version', '5.1']
  t.match(await desk.activate(key, ...studio), { code: 3, stderr: /other-product/ })
  t.match(await desk.activate(installationKey, ...studio), {
    code: 0,
    stderr: /Activated: one seat for Acme/,
  })
  t.match(await desk.activate(installationKey, ...studio), { code: 0, stderr: /Refreshed: one seat/ })
  t.match(await desk.ctl('reactivate', ...studio), { code: 0, stderr: /Refreshed: one seat/ })
  const none = await scene.machine('other-desk').activate(installationKey, ...studio)
  t.match(none, { code: 3, stderr: /The pool of 1 seat has none left; 1 more is needed/ })
  t.equal((await scene.ask('pool show studio')).claimed, 1)
})

t.test('an issuing key was stolen: lists by wire and by file, and both machines come back', async t => {
  const byFile = scene.machine('by-file')
  t.match(await byFile.activate(key, '--sessions', '2'), { code: 0 })
  await byFile.startDaemon()
  const authority = (command: string, ...more: string[]) =>
    invoke('licensing-server', [...command.split(' '), ...more], { cwd: scene.folder })
  t.match(await authority('renew-issuing --dir authority'), { code: 0 })
  const [old = ''] = readdirSync(join(scene.folder, 'authority/issuing/previous'))
  const certificate = `authority/issuing/previous/${old}`
  t.match(await authority('revoke --dir authority --yes --reason', 'stolen', certificate), { code: 0 })
  t.match(await licenseOf(first), { state: 'active' }, 'nobody has heard of it yet')
  await scene.vendor('revocations publish')

  t.match(await first.process('reactivate'), { code: 0, stderr: /In force: 60 sessions/ })
  t.match(
    await licenseOf(first),
    { state: 'active', limit: 60 },
    'the list comes with a license that is good',
  )

  byFile.configure({ owner: 'off' })
  byFile.reload()
  const list = join(scene.folder, 'authority/trust/revoked.jws')
  t.match(await byFile.ctl('license revocations', list), { code: 0, stderr: /^Kept\./ })
  await becomes(
    byFile,
    'what the stolen key signed is good for nothing',
    ({ state }) => state === 'unlicensed',
  )
  t.match(await byFile.ctl('license show'), { code: 3, stdout: /revoked[\s\S]*sessionctl reactivate/ })
  t.match(await byFile.ctl('activate --request-file r.jws'), { code: 0 })
  await scene.vendor('answer', byFile.file('r.jws'), '--out', byFile.file('l.jws'))
  t.match(await byFile.ctl('license install l.jws'), { code: 0, stderr: /in force: 2 sessions/ })
  t.match(await byFile.ctl('reactivate'), { code: 0, stderr: /^Refreshed: 2 sessions/ })
  t.equal(await claimed(), 115, 'the same claims as before')
})

t.test('the server is down for weeks: overdue, grace, refused; and back again', async t => {
  const caller = await first.connect()
  const { inUse } = await caller.call('status.get')
  const [live = ''] = await caller.acquireAll(['live'])
  await scene.stopServer()
  t.match(await first.process('reactivate'), {
    code: 75,
    stderr: /Not answered: .*ECONNREFUSED.*\n(.*\n)?hint: /,
  })

  scene.turn(30 * day + 3_600_000)
  await becomes(first, 'overdue, in grace', ({ state, admits }) => state === 'reactivation-overdue' && admits)
  t.match(await first.ctl('status'), { stdout: /^License +reactivation-overdue: .* in grace, until 20/ })
  t.match(await caller.call('session.acquire', { key: 'in-grace' }), { granted: true })
  scene.turn(5 * day)
  await becomes(first, 'overdue, over', ({ state, admits }) => state === 'reactivation-overdue' && !admits)
  t.match(await caller.call('session.acquire', { key: 'no' }), {
    granted: false,
    reason: 'reactivation-required',
  })
  t.match(await caller.call('status.get'), {
    inUse: inUse + 2,
    reactivation: { lastOutcome: 'unreachable' },
  })

  t.match(await first.ctl('license show'), { code: 3, stdout: /State +reactivation-overdue\n/ })

  await scene.startServer()
  // No pause between two attempts of the daemon is longer, and nobody helps it.
  scene.turn(4 * 3_600_000 + 60_000)
  await becomes(first, 'good again', ({ state }) => state === 'active')
  t.match((await caller.call('status.get')).reactivation, { lastOutcome: 'refreshed', failures: 0 })
  t.match(await first.ctl('status'), { code: 0, stdout: /^License +active: / })
  t.match(await caller.call('session.acquire', { key: 'again' }), { granted: true, inUse: inUse + 3 })
  t.strictSame(await caller.call('session.release', { token: live }), { released: true })
  t.match(await scene.vendor('ledger verify'), { code: 0 })
})
