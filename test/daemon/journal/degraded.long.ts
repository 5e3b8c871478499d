// A daemon whose journal cannot be written grants all the same, and loses nothing by it.
import { mkdirSync, rmdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { DaemonProcess, openAs, openClient, startHere } from '../../support/daemon.ts'
import { startProcess, startTimeOf } from '../../support/processes.ts'
import type { RawClient } from '../../support/raw-client.ts'
import { Site } from '../../support/site.ts'
import { SmallDisk } from '../../support/small-disk.ts'
import { until } from '../../support/until.ts'

const identity = { clientId: 'ivr-7', clientSecret: '2f1d8c4be0a94d52a1c3' }

function journalIs(client: RawClient, state: string): Promise<unknown> {
  return until(`the journal is ${state}`, async () => (await client.call('status.get')).journal === state)
}

/** Where there is a folder, no file can be made. */
function block(site: Site): () => void {
  mkdirSync(site.journalFile)
  return () => rmdirSync(site.journalFile)
}

function keys(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${name}/${index}`)
}

t.test('sessions that no journal has are proven by their tokens after a crash, each once', async t => {
  const site = new Site(t, { sessions: { resumeWindowMs: 60_000, maxPerClient: 100 } })
  await site.license({ maxSessions: 20 })
  const unblock = block(site)
  const first = await DaemonProcess.start(t, site)
  t.match(await first.logged('The journal cannot be written'), { level: 'error', hint: /heals by itself/ })
  const holder = await openAs(t, site.socket, { ...identity, application: 'ivr' })
  const tokens = await holder.acquireAll(keys('call', 5))
  const [another = ''] = await holder.acquireAll(['of-voicemail'], 'voicemail')
  tokens.push(another)
  for (const token of tokens) t.match(token, /^[0-9a-z]+\.[\w-]{16}\.[\w-]+\.[\w-]+$/)
  t.match(await holder.call('status.get'), { journal: 'degraded', inUse: 6 })
  await first.kill()

  unblock()
  const second = await DaemonProcess.start(t, site)
  const back = await openAs(t, site.socket, identity)
  t.match(await back.call('status.get'), { journal: 'ok', inUse: 0 })
  const forged = tokens.map(token => `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`)
  t.match(await back.call('session.resume', { tokens: forged }), { resumed: 0, unknown: forged })
  const adopted = await back.call('session.resume', { tokens })
  t.match(adopted, { resumed: 6, unknown: [] })
  t.strictSame(Object.keys(adopted.replaced), tokens)
  const applications = (await back.call('status.get')).applications as { name: string; inUse: number }[]
  t.strictSame(
    applications.map(({ name, inUse }) => `${name} ${inUse}`),
    ['ivr 5', 'voicemail 1', 'default 0'],
  )

  // The reply may have been lost: the same question has the same answer.
  t.strictSame(await back.call('session.resume', { tokens }), adopted)
  t.match(await back.call('status.get'), { inUse: 6 })
  const renewed = tokens.map(token => adopted.replaced[token] as string)
  t.equal(new Set(renewed).size, 6)
  t.strictSame(await back.call('session.release', { token: renewed[0] }), { released: true })
  t.match(await back.call('session.resume', { tokens }), { resumed: 5, unknown: [tokens[0]] })
  t.match(await back.call('status.get'), { inUse: 5 })

  // From now on they are in the journal as any other.
  await second.kill()
  await DaemonProcess.start(t, site)
  const again = await openClient(t, site.socket)
  t.match(await again.call('session.resume', { tokens: renewed }), {
    resumed: 5,
    unknown: [renewed[0]],
    replaced: {},
  })
  t.match(await again.call('session.resume', { tokens }), { resumed: 0 })
  t.match(await again.call('status.get'), { inUse: 5, orphaned: 0 })
})

t.test('a second crash while the journal cannot be written loses nothing either', async t => {
  const site = new Site(t, { sessions: { resumeWindowMs: 60_000, maxPerClient: 100 } })
  await site.license({ maxSessions: 5 })
  const unblock = block(site)
  const first = await DaemonProcess.start(t, site)
  const holder = await openAs(t, site.socket, { ...identity, application: 'ivr' })
  const tokens = await holder.acquireAll(keys('call', 5))
  await first.kill()

  const second = await DaemonProcess.start(t, site)
  const back = await openAs(t, site.socket, identity)
  const adopted = await back.call('session.resume', { tokens })
  t.match(adopted, { resumed: 5, unknown: [] })
  const renewed = tokens.map(token => adopted.replaced[token] as string)
  for (const token of renewed) t.match(token, /^[0-9a-z]+\.[\w-]{16}\.[\w-]+\.[\w-]+$/)
  t.strictSame(await back.call('session.resume', { tokens }), adopted, 'the same question, the same answer')
  t.strictSame(await back.call('session.release', { token: renewed.pop() }), { released: true })
  t.match(await back.call('status.get'), { journal: 'degraded', inUse: 4 })
  await second.kill()

  unblock()
  await DaemonProcess.start(t, site)
  const again = await openAs(t, site.socket, identity)
  t.match(await again.call('session.resume', { tokens }), { resumed: 0 }, 'a token is good for one adoption')
  const last = await again.call('session.resume', { tokens: renewed })
  t.match(last, { resumed: 4, unknown: [] })
  for (const token of renewed) t.match(last.replaced[token], /^[0-9a-z]+\.[\w-]{16}$/)
  const { applications } = await again.call('status.get')
  t.match(applications, [{ name: 'ivr', inUse: 4 }])
})

t.test('a start that failed does not stand between a crash and the next run', async t => {
  const site = new Site(t, { sessions: { resumeWindowMs: 60_000, maxPerClient: 100 } })
  await site.license({ maxSessions: 5 })
  const unblock = block(site)
  const first = await DaemonProcess.start(t, site)
  const holder = await openAs(t, site.socket, identity)
  const tokens = await holder.acquireAll(keys('call', 5))
  await first.kill()

  unblock()
  site.config.listen.tcp.enabled = true
  await t.rejects(DaemonProcess.start(t, site), /token/, 'there is no token file')
  site.config.listen.tcp.enabled = false
  await DaemonProcess.start(t, site)
  const back = await openAs(t, site.socket, identity)
  t.match(await back.call('session.resume', { tokens }), { resumed: 5, unknown: [] })
})

t.test('when it heals, everything that is held is written', async t => {
  const site = new Site(t)
  await site.license({ maxSessions: 20 })
  const unblock = block(site)
  const here = await startHere(t, site)
  const holder = await openAs(t, site.socket, identity)
  const tokens = await holder.acquireAll(keys('degraded', 4))
  await holder.call('session.release', { token: tokens.shift() })
  await journalIs(holder, 'degraded')
  unblock()
  await journalIs(holder, 'ok')
  await here.logged('The journal is written again.')
  const [plain = ''] = await holder.acquireAll(['after'])
  t.match(plain, /^[0-9a-z]+\.[\w-]{16}$/)
  // A token that was given while it was degraded stays good.
  await holder.call('session.release', { token: tokens.shift() })
  await here.stop()

  await startHere(t, site)
  const back = await openClient(t, site.socket)
  t.match(await back.call('status.get'), { inUse: 3, orphaned: 3 })
  t.match(await back.call('session.resume', { tokens: [...tokens, plain] }), {
    resumed: 3,
    unknown: [],
    replaced: {},
  })
})

t.test('a journal that is removed under a running daemon is written anew', async t => {
  const site = new Site(t)
  await site.license({ maxSessions: 20 })
  const daemon = await DaemonProcess.start(t, site)
  const holder = await openAs(t, site.socket, identity)
  const tokens = await holder.acquireAll(keys('before', 5))
  rmSync(site.journalFile)
  await daemon.logged('The journal is written again.')
  t.match(
    daemon.log.find(({ level }) => level === 'error'),
    { why: /was removed or replaced$/ },
  )
  tokens.push(...(await holder.acquireAll(['after'])))
  await daemon.kill()
  await DaemonProcess.start(t, site)
  const back = await openClient(t, site.socket)
  t.match(await back.call('session.resume', { tokens }), { resumed: 6, unknown: [], replaced: {} })
})

t.test('a full disk refuses no call; after a crash on it every session is there', async t => {
  const disk = SmallDisk.mount(t, 128)
  if (disk === null) return t.comment('not tried: only root may mount a small disk')
  const site = new Site(t, { sessions: { resumeWindowMs: 60_000, maxPerClient: 1000 } })
  site.config.runtimeDirectory = disk.path
  await site.license({ maxSessions: 1000 })
  const first = await DaemonProcess.start(t, site)
  const holder = await openAs(t, site.socket, identity)
  const tokens = await holder.acquireAll(keys('with-room', 10))
  disk.fill()
  for (let turn = 0; turn < 60; turn++) tokens.push(...(await holder.acquireAll(keys(`turn-${turn}`, 10))))
  t.match(await holder.call('status.get'), { journal: 'degraded', inUse: 610 })
  t.match(await first.logged('cannot be written'), { why: /^ENOSPC/ })
  await first.kill()

  // The disk is still full.
  const second = await DaemonProcess.start(t, site)
  const back = await openAs(t, site.socket, identity)
  const found = (await back.call('status.get')).inUse
  t.ok(found >= 10 && found < 610, `${found} were in the journal`)
  const resumed = await back.call('session.resume', { tokens })
  t.match(resumed, { resumed: 610, unknown: [] })
  t.equal(Object.keys(resumed.replaced).length, 610 - found)
  t.match(await back.call('status.get'), { inUse: 610, orphaned: 0 })

  disk.resize(4096)
  await journalIs(back, 'ok')
  await second.kill()
  await DaemonProcess.start(t, site)
  const last = await openClient(t, site.socket)
  const held = tokens.map(token => (resumed.replaced[token] as string | undefined) ?? token)
  t.match(await last.call('session.resume', { tokens: held }), { resumed: 610, unknown: [] })
})

t.test('who took sessions over while the journal could not be written keeps them after crashes', async t => {
  const disk = SmallDisk.mount(t, 128)
  if (disk === null) return t.comment('not tried: only root may mount a small disk')
  const site = new Site(t, { sessions: { resumeWindowMs: 60_000, maxPerClient: 1000 } })
  site.config.runtimeDirectory = disk.path
  await site.license({ maxSessions: 1000 })
  const first = await DaemonProcess.start(t, site)
  const { kill, ...old } = startProcess(t)
  const tokens = await (await openAs(t, site.socket, { ...identity, process: old })).acquireAll(['call'])
  disk.fill()
  const filler = await openClient(t, site.socket)
  for (let turn = 0; (await filler.call('status.get')).journal === 'ok'; turn++)
    await filler.acquireAll(keys(`turn-${turn}`, 10))
  // The call process is started again, and the journal cannot be told.
  const process = { pid: globalThis.process.pid, startTime: startTimeOf(globalThis.process.pid) }
  const successor = await openAs(t, site.socket, { ...identity, process })
  t.match(await successor.call('session.resume', { tokens }), { resumed: 1 })
  await kill()
  await first.kill()

  disk.resize(4096)
  const afterOne = await DaemonProcess.start(t, site)
  await afterOne.kill()
  await DaemonProcess.start(t, site)
  const observer = await openClient(t, site.socket)
  const { inUse } = await observer.call('status.get')
  const since = performance.now()
  await until('dead processes were looked for', () => performance.now() - since > 1000)
  t.match(await observer.call('status.get'), { inUse, orphaned: inUse })
  const back = await openAs(t, site.socket, { ...identity, process })
  t.match(await back.call('session.resume', { tokens }), { resumed: 1, unknown: [] })
})

t.test('a second daemon does not start, and takes nothing from the first', async t => {
  const site = new Site(t)
  await site.license()
  const here = await startHere(t, site)
  const holder = await here.client()
  await holder.acquireAll(['a'])
  await t.rejects(startHere(t, site), { code: 'daemon-already-running', hint: /systemctl status sessiond/ })
  const file = site.config.listen.unix.path
  // Another place for the journal, but the same socket.
  site.config.runtimeDirectory = join(site.folder, 'other')
  await t.rejects(startHere(t, site), { code: 'socket-in-use', message: new RegExp(file) })
  t.match(await holder.call('status.get'), { inUse: 1 })
  t.match(await (await here.client()).call('status.get'), { connections: 2 })
})

t.test('a journal that cannot be used is set aside with a clear line, and the daemon runs', async t => {
  const site = new Site(t)
  await site.license()
  const start = async (why: RegExp) => {
    const here = await startHere(t, site)
    t.match(await here.logged('was set aside'), {
      level: 'error',
      movedTo: /sessions\.journal\.set-aside-/,
      why,
    })
    const client = await here.client()
    t.match(await client.call('status.get'), { journal: 'ok', inUse: 0 })
    await client.acquireAll(['a'])
    await client.call('session.release', { token: (await client.acquireAll(['a']))[0] })
    await here.stop()
  }
  writeFileSync(site.journalFile, 'no journal '.repeat(1000))
  await start(/it is no journal/)
  writeFileSync(site.journalFile, 'sessiond journal 2\n')
  await start(/its format is 2/)
  truncateSync(site.journalFile, 30)
  await start(/it does not say who wrote it/)
})
