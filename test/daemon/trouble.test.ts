// What goes wrong around a daemon must not end it, and with it every call.
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import Database from 'better-sqlite3'
import t, { type Test } from 'tap'
import { StateStore } from '../../src/daemon/state-store.ts'
import { DaemonProcess, openAs, openClient, startHere } from '../support/daemon.ts'
import { startTimeOf } from '../support/processes.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const MAX_FILES = 64

/** The audit trail of a daemon that has stopped. */
function eventsOf(t: Test, stateFile: string) {
  const state = new StateStore(stateFile, Date.now(), () => undefined)
  t.teardown(() => state.close())
  return state.audit(trail => trail.read(0, 1000))
}

t.test(
  'without a file descriptor left nobody is taken for dead, and it goes on when there are some',
  async t => {
    const site = new Site(t, { sessions: { resumeWindowMs: 60_000, maxPerClient: 100 } })
    await site.license()
    const daemon = await DaemonProcess.start(t, site, { maxFiles: MAX_FILES })
    const observer = await openClient(t, site.socket)
    const owner = { pid: process.pid, startTime: startTimeOf(process.pid) }
    const holder = await openAs(t, site.socket, { process: owner })
    const tokens = await holder.acquireAll(['a', 'b', 'c'])
    const { path } = site.config.listen.unix
    const idle = Array.from({ length: MAX_FILES * 2 }, () => connect(path).on('error', () => undefined))
    t.teardown(() => idle.map(socket => socket.destroy()))
    await until('some are turned away', () => idle.some(socket => socket.readableEnded || socket.destroyed))

    await holder.cut()
    // The descriptor of the holder is free now; somebody takes it before anybody can look at a process.
    idle.push(connect(path).on('error', () => undefined))
    await until('the sessions are orphaned', async () => (await observer.call('status.get')).orphaned === 3)
    const since = performance.now()
    await until('dead processes were looked for', () => performance.now() - since > 600)
    t.match(await observer.call('status.get'), { inUse: 3, orphaned: 3 })

    for (const socket of idle) socket.destroy()
    const back = await until('it accepts again', () => openClient(t, site.socket).catch(() => null))
    t.match(await back.call('session.resume', { tokens }), { resumed: 3, unknown: [] })
    t.equal(daemon.child.exitCode, null)
  },
)

t.test('a state database that another process locks does not stop the daemon from stopping', async t => {
  const site = new Site(t)
  await site.license()
  const here = await startHere(t, site)
  const other = new Database(site.stateFile)
  other.exec('BEGIN IMMEDIATE')
  t.teardown(() => other.close())
  await here.stop()
  t.match(
    here.log.find(({ level }) => level === 'error'),
    { message: /The state database .* cannot be used: another process keeps it locked/ },
  )
  t.match(here.log.at(-1), { message: 'sessiond stopped.' })
})

t.test('a state database that another process locks holds up the daemon once, and not each time', async t => {
  const site = new Site(t)
  await site.license()
  const here = await startHere(t, site)
  const other = new Database(site.stateFile)
  t.teardown(() => other.close())
  const events = other.prepare('SELECT count(*) FROM audit').pluck()
  await until('the start is in the audit trail', () => events.get() === 2)
  other.exec('BEGIN IMMEDIATE')
  const reload = async (holdSeconds: number) => {
    const since = performance.now()
    await here.daemon.reload({ ...site.config, usage: { ...site.config.usage, holdSeconds } })
    return performance.now() - since
  }
  t.ok((await reload(1)) >= 900, 'it waits for the lock')
  t.ok((await reload(2)) < 900, 'and then not any more')
  other.exec('ROLLBACK')
  await here.logged('The state database is written again.')
  await here.stop()
  t.strictSame(
    eventsOf(t, site.stateFile).map(({ what }) => what),
    [
      ...['license.accepted', 'daemon.started', 'state.healed', 'config.reloaded', 'config.reloaded'],
      'daemon.stopped',
    ],
  )
})

t.test('SIGHUP brings what changed; what is wrong, or cannot change, changes nothing', async t => {
  const site = new Site(t)
  const { stateFile } = site
  site.config.listen.tcp.enabled = true
  writeFileSync(site.config.listen.tcp.tokenFile, 'the-token-of-before', { mode: 0o600 })
  await site.license({ maxSessions: 10 })
  const daemon = await DaemonProcess.start(t, site)
  const client = await openClient(t, site.socket)
  await client.acquireAll(['1', '2', '3'], 'ivr')
  const reload = async (expected: string) => {
    const lines = daemon.log.length
    daemon.child.kill('SIGHUP')
    return until(expected, () => daemon.log.slice(lines).find(({ message }) => message.includes(expected)))
  }
  const acquire = (key: string) => client.call('session.acquire', { key, application: 'ivr' })

  site.config.applications = { ivr: { max: 2, feature: null, maxDurationSeconds: null } }
  site.writeConfig()
  await reload('The configuration was reloaded.')
  t.match(await acquire('4'), { granted: false, reason: 'application-limit-reached', inUse: 3 })
  t.match(await acquire('3'), { granted: true, repeated: true }, 'who is in stays in')

  site.config.applications = {}
  site.config.operations.enabled = false
  site.config.stateDirectory = `${site.folder}/elsewhere`
  site.config.license.file = `${site.folder}/elsewhere.jws`
  site.config.product.version = '9.9'
  site.writeConfig()
  const warning = await reload('need a restart')
  t.strictSame(warning['keys'], ['operations', 'product', 'stateDirectory', 'license.file'])
  await reload('The configuration was reloaded.')
  t.match(await acquire('4'), { granted: true })
  t.match(await client.call('license.get'), { state: 'active' })

  writeFileSync(site.writeConfig(), 'sessions: { resumeWindow: 1 }\n')
  await reload('reload failed')
  t.match(await acquire('5'), { granted: true })

  writeFileSync(site.config.listen.tcp.tokenFile, 'short')
  site.writeConfig()
  await reload('reload failed')
  t.match(await acquire('6'), { granted: true })
  t.equal(await daemon.stop(), 0)
  t.match(
    eventsOf(t, stateFile).filter(({ what }) => what.startsWith('config.')),
    [
      { what: 'config.reloaded', after: { applications: { ivr: { max: 2 } } } },
      { what: 'config.reloaded' },
      { what: 'config.reloaded' },
      { what: 'config.rejected', actor: { program: 'sessiond' }, detail: { message: /resumeWindow/ } },
      { what: 'config.rejected', detail: { code: 'token-file-invalid' } },
    ],
    'all of it is on record',
  )
})

t.test('a token file that is damaged leaves the whole configuration as it was', async t => {
  const site = new Site(t)
  site.config.listen.tcp.enabled = true
  const { tokenFile } = site.config.listen.tcp
  writeFileSync(tokenFile, 'the-token-of-before', { mode: 0o600 })
  await site.license()
  const here = await startHere(t, site)
  const { port } = here.daemon.addresses.tcp!
  const tcp = { host: '127.0.0.1', port }
  const say = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } })
  const client = await openClient(t, tcp, say('the-token-of-before'))
  await client.acquireAll(['a'])

  writeFileSync(tokenFile, 'short')
  const next = structuredClone(site.config)
  next.applications = { default: { max: 0, feature: null, maxDurationSeconds: null } }
  await t.rejects(here.daemon.reload(next), { code: 'token-file-invalid' })
  t.equal((await client.call('session.acquire', { key: 'b' })).granted, true)
  await openClient(t, tcp, say('the-token-of-before'))

  writeFileSync(tokenFile, 'the-token-of-tomorrow')
  await here.daemon.reload(next)
  t.match(await client.call('session.acquire', { key: 'c' }), { granted: false }, 'the old connection stays')
  await t.rejects(openClient(t, tcp, say('the-token-of-before')), /401/)
  await openClient(t, tcp, say('the-token-of-tomorrow'))
})

t.test('a run whose start fails does not pass for the last that held sessions', async t => {
  const site = new Site(t)
  await site.license()
  const here = await startHere(t, site)
  await (await here.client()).acquireAll(['a', 'b'])
  await here.stop()
  const kept = readFileSync(site.journalFile)

  const { path } = site.config.listen.unix
  const other = createServer(socket => socket.on('error', () => undefined)).listen(path)
  await once(other, 'listening')
  await t.rejects(startHere(t, site), { code: 'socket-in-use' })
  other.close()
  t.ok(
    readFileSync(site.journalFile).equals(kept),
    'else tokens of the one before, signed while its journal could not be written, would be taken for others',
  )

  const next = await startHere(t, site)
  t.match(await (await next.client()).call('status.get'), { inUse: 2, orphaned: 2 })
  t.notOk(readFileSync(site.journalFile).equals(kept))
})
