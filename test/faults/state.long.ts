// Trouble with the state directory, on the program that ships: what the database held last rules on.
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import t, { type Test } from 'tap'
import { DaemonProcess, openAs, openClient } from '../support/daemon.ts'
import { Site } from '../support/site.ts'
import { SmallDisk } from '../support/small-disk.ts'
import { until } from '../support/until.ts'

const identity = { clientId: 'ivr-7', clientSecret: '2f1d8c4be0a94d52a1c3' }

/** A site with its state on a small disk, and a run that was killed while it held three sessions. */
async function killedOnSmallDisk(t: Test) {
  const disk = SmallDisk.mount(t, 1024)
  if (disk === null) return null
  const site = new Site(t)
  site.config.stateDirectory = disk.path
  await site.license()
  const { daemon, tokens } = await holdThree(t, site)
  // A start is on record a moment after it.
  await until('the start is on record', () => startsOnRecord(site) === 1)
  await daemon.kill()
  return { disk, site, tokens }
}

async function holdThree(t: Test, site: Site) {
  const daemon = await DaemonProcess.start(t, site)
  const tokens = await (await openAs(t, site.socket, identity)).acquireAll(['a', 'b', 'c'])
  return { daemon, tokens }
}

/** They are resumed, and one more is granted by the license that was in force. */
async function callsGoOn(t: Test, site: Site, tokens: readonly string[]): Promise<void> {
  const back = await openAs(t, site.socket, identity)
  t.match(await back.call('session.resume', { tokens }), { resumed: 3, unknown: [] })
  t.match(await back.call('session.acquire', { key: 'd' }), { granted: true, limit: 10 })
}

/** All that was on hold while nothing could be written is in the database now. */
function isWritten(site: Site, instanceId: string): boolean {
  const lastRun = ask(site, "SELECT value FROM facts WHERE name = 'last-run'")
  return String(lastRun).includes(instanceId) && startsOnRecord(site) === 2
}

function startsOnRecord(site: Site): unknown {
  return ask(site, "SELECT count(*) FROM audit WHERE body LIKE '%daemon.started%'")
}

/** One value of the state database. */
function ask(site: Site, sql: string): unknown {
  const db = new Database(site.stateFile, { readonly: true })
  try {
    return db.prepare(sql).pluck().get()
  } finally {
    db.close()
  }
}

for (const [what, spoil, mend] of [
  ['full', disk => disk.fill(), disk => rmSync(join(disk.path, 'filling'))],
  ['read-only', disk => disk.setReadOnly(true), disk => disk.setReadOnly(false)],
] satisfies [string, (disk: SmallDisk) => void, (disk: SmallDisk) => void][]) {
  t.test(`the state directory is ${what} at the start: calls go on, and it heals`, async t => {
    const killed = await killedOnSmallDisk(t)
    if (killed === null) return t.comment('not tried: only root may mount a small disk')
    const { disk, site, tokens } = killed
    spoil(disk)
    const daemon = await DaemonProcess.start(t, site)
    t.match(await daemon.logged('rules on'), { level: 'error', hint: /stateDirectory/ })
    await callsGoOn(t, site, tokens)
    mend(disk)
    await daemon.logged('The state database is written again.')
    const { instanceId } = await (await openClient(t, site.socket)).call('status.get')
    await until('all is written', () => isWritten(site, instanceId))
  })
}

t.test('another process keeps the state locked at the start: calls go on, and the log names it', async t => {
  const site = new Site(t)
  await site.license()
  const { daemon, tokens } = await holdThree(t, site)
  // A start is on record a moment after it.
  await until('the start is on record', () => startsOnRecord(site) === 1)
  await daemon.kill()
  const other = new Database(site.stateFile)
  t.teardown(() => other.close())
  other.pragma('locking_mode = EXCLUSIVE')
  other.exec('BEGIN IMMEDIATE')
  const next = await DaemonProcess.start(t, site)
  t.match(await next.logged('rules on'), { message: /keeps it locked/, hint: /^See .*fuser -v/ })
  await callsGoOn(t, site, tokens)
  other.close()
  await next.logged('The state database is written again.')
})

t.test('a state directory where nothing was and nothing can be made stops the start', async t => {
  const disk = SmallDisk.mount(t, 64)
  if (disk === null) return t.comment('not tried: only root may mount a small disk')
  const site = new Site(t)
  await site.license()
  site.config.stateDirectory = join(disk.path, 'state')
  mkdirSync(site.config.stateDirectory)
  disk.fill()
  const daemon = DaemonProcess.start(t, site)
  await t.rejects(daemon, /state-not-usable|cannot be used/)
})

t.test('a lock that is gone within seconds is waited for', async t => {
  const site = new Site(t)
  await site.license()
  const { daemon } = await holdThree(t, site)
  await daemon.kill()
  const other = new Database(site.stateFile)
  other.pragma('locking_mode = EXCLUSIVE')
  other.exec('BEGIN IMMEDIATE')
  const starts = DaemonProcess.start(t, site)
  const since = performance.now()
  await until('it waits', () => performance.now() - since > 1000)
  other.close()
  const next = await starts
  t.notOk(next.log.some(({ message }) => message.includes('rules on')))
})
