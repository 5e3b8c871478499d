import { mkdirSync, rmdirSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import t from 'tap'
import { Observation, type ObservationParts } from '../../../src/daemon/observation.ts'
import { createLogger } from '../../../src/log.ts'
import { DaemonProcess, type LogLine, openAs, startHere } from '../../support/daemon.ts'
import { Site } from '../../support/site.ts'
import { until } from '../../support/until.ts'
import { ask, parseExposition, scrape } from './scrape.ts'

t.test('only who means this machine is answered', async t => {
  const here = await startHere(t, new Site(t))
  for (const path of ['/metrics', '/healthz', '/readyz', '/']) {
    for (const host of ['evil.example', 'evil.example:7789', '192.0.2.1', 'localhost.evil.example', '%']) {
      t.equal((await ask(here, path, { headers: { host } })).status, 403, `${path} for ${host}`)
    }
    for (const origin of ['null', 'http://localhost', 'http://evil.example']) {
      t.equal((await ask(here, path, { headers: { origin } })).status, 403, `${path} from ${origin}`)
    }
  }
  for (const host of ['localhost', 'LOCALHOST:9', '127.0.0.1:1', '[::1]:2', '[::1]']) {
    t.equal((await ask(here, '/metrics', { headers: { host } })).status, 200, host)
  }
})

t.test('nothing but what is there, and only to be read', async t => {
  const here = await startHere(t, new Site(t))
  for (const path of ['/', '/metric', '/metrics/', '//metrics', '/%6detrics', '/v1']) {
    t.equal((await ask(here, path)).status, 404, path)
  }
  t.equal((await ask(here, '/metrics?name[]=up')).status, 200)
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
    const { status, headers } = await ask(here, '/metrics', { method })
    t.match({ status, allow: headers.allow }, { status: 405, allow: 'GET, HEAD' }, method)
  }
  const head = await ask(here, '/metrics', { method: 'HEAD' })
  t.equal(head.status, 200)
  t.equal(head.text, '')
  t.ok(Number(head.headers['content-length']) > 1000)
  t.match(head.headers, { 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' })
})

t.test('alive is who answers; ready is who can grant and write it down', async t => {
  const site = new Site(t)
  const here = await startHere(t, site)
  const ready = async () => {
    const { status, text } = await ask(here, '/readyz')
    return { status, ...JSON.parse(text) }
  }
  t.strictSame(await ready(), {
    status: 503,
    ready: false,
    draining: false,
    license: 'unlicensed',
    admits: false,
    journal: 'ok',
  })
  await site.license({ maxSessions: 1 })
  await until('it is ready', async () => (await ready()).ready)
  const client = await openAs(t, site.socket)
  await client.acquireAll(['1'])
  t.match(await ready(), { status: 200, license: 'active' }, 'full is not unready')
  const { status, text } = await ask(here, '/healthz')
  t.strictSame([status, text], [200, '{"status":"ok"}\n'])
})

t.test('while the daemon stops', async t => {
  const site = new Site(t, { shutdown: { drainMs: 300 } })
  await site.license()
  const here = await startHere(t, site)
  const { port } = here.daemon.addresses.operations!
  t.equal((await ask(here, '/readyz')).status, 200)
  const stopped = here.stop()
  const { status, text } = await ask(here, '/readyz')
  t.equal(status, 503)
  t.match(JSON.parse(text), { draining: true, ready: false, license: 'active' })
  t.equal((await scrape(here)).get('sessiond_draining'), 1)
  await stopped
  t.equal(here.daemon.addresses.operations, null)
  await t.rejects(new Promise((_, reject) => connect(port, '127.0.0.1').once('error', reject)), {
    code: 'ECONNREFUSED',
  })
})

t.test('where the journal cannot be written', async t => {
  const site = new Site(t)
  await site.license()
  // Where there is a folder, no file can be made.
  mkdirSync(site.journalFile)
  const here = await startHere(t, site)
  const degraded = await ask(here, '/readyz')
  t.equal(degraded.status, 503)
  t.match(JSON.parse(degraded.text), { ready: false, admits: true, journal: 'degraded' })
  t.equal((await scrape(here)).get('sessiond_journal_degraded'), 1)
  t.equal((await ask(here, '/healthz')).status, 200)
  rmdirSync(site.journalFile)
  await until('it is healed', async () => (await ask(here, '/readyz')).status === 200)
  t.equal((await scrape(here)).get('sessiond_journal_degraded'), 0)
})

t.test('connections of call processes and those of operators have limits of their own', async t => {
  const site = new Site(t)
  site.config.bounds.maxConnections = 1
  const here = await startHere(t, site)
  await openAs(t, site.socket)
  await t.rejects(openAs(t, site.socket), /503/)
  t.equal((await ask(here, '/healthz')).status, 200)
  t.equal((await scrape(here)).get('sessiond_connections'), 1, 'a scrape is no traffic')

  const { port } = here.daemon.addresses.operations!
  const idle: Socket[] = []
  t.teardown(() => idle.map(socket => socket.destroy()))
  for (let count = 0; count < 40; count++) idle.push(connect(port, '127.0.0.1').on('error', () => undefined))
  await until('some are turned away', () => idle.filter(socket => socket.destroyed).length >= 8)
  for (const socket of idle) socket.destroy()
  await until(
    'there is room again',
    async () => (await ask(here, '/healthz').catch(() => null))?.status === 200,
  )
})

t.test('the program that ships serves them, and says where', async t => {
  const site = new Site(t)
  await site.license({ maxSessions: 7 })
  const daemon = await DaemonProcess.start(t, site)
  const line = await daemon.logged('Metrics and probes are served.')
  const { port } = line['operations'] as { port: number }
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  t.equal(parseExposition(text).get('sessiond_sessions_limit'), 7)
  t.equal(await daemon.stop(), 0)
})

t.test('it can be switched off', async t => {
  const site = new Site(t, { operations: { enabled: false } })
  const here = await startHere(t, site)
  t.equal(here.daemon.addresses.operations, null)
})

t.test('a port that is taken stops no daemon, and is tried again', async t => {
  const other = createServer().listen(0, '127.0.0.1')
  await until('it listens', () => other.listening)
  t.teardown(() => other.close())
  const { port } = other.address() as { port: number }
  const site = new Site(t, { operations: { port } })
  await site.license()
  const here = await startHere(t, site)
  const client = await openAs(t, site.socket)
  t.equal((await client.call('session.acquire', { key: '1' })).granted, true)
  t.match(await here.logged('Metrics and probes are not served'), {
    level: 'error',
    port,
    hint: /operations/,
  })
  t.equal(here.daemon.addresses.operations, null)

  const log: LogLine[] = []
  const destination = { write: (line: string) => void log.push(JSON.parse(line)) }
  const timers: (() => void)[] = []
  const parts = {
    version: '0',
    config: () => site.config,
    given: {},
    log: createLogger({ level: 'info', destination }),
    now: () => 0,
    clocks: { wallNow: () => 0 },
    counter: {
      inUse: 0,
      limit: 0,
      totals: { recentPeak: 0, granted: 0, denied: new Map(), ended: {} },
      applications: [],
    },
    every: (_ms: number, act: () => void) => timers.push(act),
  }
  const observation = new Observation(parts as unknown as ObservationParts)
  t.teardown(() => observation.close())
  await observation.start()
  const again = timers.at(-1)!
  again()
  await new Promise<void>(done => other.close(() => done()))
  await until('it listens there', () => {
    again()
    return observation.address?.port === port
  })
  t.match(log, [{ level: 'error' }, { level: 'info', message: 'Metrics and probes are served.' }])
  t.equal(log.length, 2, 'the same trouble is told once')
})
