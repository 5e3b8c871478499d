import { join } from 'node:path'
import t from 'tap'
import { lockExchange } from '../../src/daemon/reactivation/exchange-lock.ts'
import { startHere } from '../support/daemon.ts'
import { until } from '../support/until.ts'
import { startCustomer } from './customer-site.ts'
import { RunningProgram } from './programs.ts'

// One of them is a process of its own, on a machine that may be busy.
t.setTimeout(120_000)

t.test('reactivate is a whole one-shot: a daemon that opens no connection takes what it brings', async t => {
  const { vendor, site, ctl, keyFile } = await startCustomer(t)
  const { key, poolId } = await vendor.pool(100)
  site.config.reactivation.owner = 'systemd'
  site.writeConfig()
  t.match(await ctl('activate', '--key-file', keyFile(key), '--sessions', '10'), { code: 0 })
  const here = await startHere(t, site)
  const client = await here.client()
  await vendor.admin.changeTerms(poolId, { expiresAt: '2099-12-31T23:59:59Z' })

  const done = await ctl('reactivate', '--sessions', '15')
  t.equal(done.code, 0, done.stderr)
  t.match(
    done.stderr,
    'Refreshed: 15 sessions (10 before) for Acme Telephony, until 2099-12-31 23:59:59 UTC, in grace until 2100-01-14 23:59:59 UTC; generation 2.',
  )
  await until('the daemon has it', async () => (await client.call('license.get')).limit === 15)
  t.match((await client.call('status.get')).reactivation, {
    owner: 'systemd',
    lastOutcome: 'refreshed',
    nextAttemptAt: null,
  })
  t.match(await ctl('status'), { stdout: /^Reactivation by a timer of systemd; last .*: refreshed$/m })

  const json = await ctl('reactivate', '--json')
  t.match(JSON.parse(json.stdout), {
    outcome: 'refreshed',
    code: null,
    license: { generation: 3, maxSessions: 15 },
  })
})

t.test('refused: 3, not answered: 75, not activated: 1; each is told by status', async t => {
  const { vendor, site, ctl, keyFile } = await startCustomer(t)
  t.match(await ctl('reactivate'), {
    code: 1,
    stderr: /no license that could be refreshed[\s\S]*sessionctl activate/,
  })
  const { key } = await vendor.pool(100)
  await ctl('activate', '--key-file', keyFile(key), '--sessions', '10')
  site.config.reactivation.owner = 'off'
  await startHere(t, site)

  const lowered = await ctl('reactivate', '--sessions', '5', '--json')
  t.equal(lowered.code, 3)
  t.match(JSON.parse(lowered.stdout), {
    outcome: 'refused',
    code: 'lowering-refused',
    hint: /Ask for 10 or more/,
  })
  t.match(await ctl('status'), {
    stdout: /^Reactivation by hand; last .*: refused\. This machine owns 10 sessions; 5 were asked for/m,
  })
  const away = await ctl('reactivate', '--server', 'http://127.0.0.1:9')
  t.equal(away.code, 75)
  t.match(await ctl('status'), {
    stdout:
      /^Reactivation by hand; last .*: unreachable\. The licensing server http:\/\/127\.0\.0\.1:9 could not/m,
  })
})

t.test('it waits until the daemon has asked', async t => {
  const { vendor, site, ctl, keyFile } = await startCustomer(t)
  const { key } = await vendor.pool(100)
  await ctl('activate', '--key-file', keyFile(key), '--sessions', '10')
  const unlock = lockExchange(join(site.config.stateDirectory, 'exchange.lock'))
  if (unlock === null) throw new Error('The lock is held.')
  const [installation] = await vendor.store.installations()
  const licensed = async () =>
    (await vendor.store.latestEvents(`installation/${installation?.installationId}`, 10)).length
  const before = await licensed()
  const waiting = new RunningProgram('sessionctl', ['reactivate', '--config', 'sessiond.yaml'], {
    cwd: site.folder,
  })
  await waiting.printed(/Waiting until the daemon has asked/)
  t.equal(await licensed(), before)
  unlock()
  t.match(await waiting.finished(), { code: 0 })
  t.equal(await licensed(), before + 1)
})
