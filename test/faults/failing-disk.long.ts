// The kernel turns a disk read-only under the running daemon, because it met an error: files stay open, writes fail.
import t from 'tap'
import { DaemonProcess, openAs } from '../support/daemon.ts'
import { LoopDisk } from '../support/loop-disk.ts'
import type { RawClient } from '../support/raw-client.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const identity = { clientId: 'ivr-7', clientSecret: '2f1d8c4be0a94d52a1c3' }
const sessions = { resumeWindowMs: 60_000 }

function statusIs(client: RawClient, expected: Record<string, unknown>): Promise<unknown> {
  const said = JSON.stringify(expected)
  return until(`the status has ${said}`, async () => {
    const status = (await client.call('status.get')) as Record<string, unknown>
    return Object.entries(expected).every(([name, value]) => status[name] === value)
  })
}

t.test('the disk of the journal fails: calls go on, and nothing is lost by a crash on it', async t => {
  const disk = LoopDisk.mount(t)
  if (typeof disk === 'string') return t.comment(`not tried: ${disk}`)
  const site = new Site(t, { sessions })
  site.config.runtimeDirectory = disk.path
  await site.license()
  const first = await DaemonProcess.start(t, site)
  const holder = await openAs(t, site.socket, identity)
  const tokens = await holder.acquireAll(['before', 'released'])
  disk.fail()
  tokens.push(...(await holder.acquireAll(['after', 'later'])))
  t.strictSame(await holder.call('session.release', { token: tokens.splice(1, 1)[0] }), { released: true })
  t.match(await first.logged('The journal cannot be written'), { why: /^EROFS/ })
  t.match(await holder.call('status.get'), { journal: 'degraded', stateDatabase: 'ok', inUse: 3 })
  await first.kill()

  // The disk is as it was: it can be read.
  const second = await DaemonProcess.start(t, site)
  const back = await openAs(t, site.socket, identity)
  t.match(await back.call('status.get'), { journal: 'degraded' })
  const resumed = await back.call('session.resume', { tokens })
  t.match(resumed, { resumed: 3, unknown: [] })

  // Somebody takes it away, and there is the folder below it.
  disk.unmount()
  await second.logged('The journal is written again.')
  await second.kill()
  await DaemonProcess.start(t, site)
  const again = await openAs(t, site.socket, identity)
  const held = tokens.map(token => (resumed.replaced[token] as string | undefined) ?? token)
  t.match(await again.call('session.resume', { tokens: held }), { resumed: 3, unknown: [], replaced: {} })
})

t.test(
  'the disk of the state fails: calls go on by the license in force, also after a crash on it',
  async t => {
    const disk = LoopDisk.mount(t)
    if (typeof disk === 'string') return t.comment(`not tried: ${disk}`)
    const site = new Site(t, { sessions })
    site.config.stateDirectory = disk.path
    await site.license()
    const first = await DaemonProcess.start(t, site)
    const holder = await openAs(t, site.socket, identity)
    const tokens = await holder.acquireAll(['before'])
    disk.fail()
    tokens.push(...(await holder.acquireAll(['after'])))
    first.child.kill('SIGHUP')
    await first.logged('The configuration was reloaded.')
    await statusIs(holder, { stateDatabase: 'degraded', journal: 'ok', inUse: 2 })
    t.ok(first.log.some(({ message }) => /state database .* cannot be used/.test(message)))
    await first.kill()

    const second = await DaemonProcess.start(t, site)
    t.match(await second.logged('rules on'), { level: 'error', hint: /stateDirectory/ })
    const back = await openAs(t, site.socket, identity)
    t.match(await back.call('session.resume', { tokens }), { resumed: 2, unknown: [] })
    t.match(await back.call('session.acquire', { key: 'next' }), { granted: true, limit: 10 })
    t.equal(await second.stop(), 0, 'it stops in order')

    disk.repair()
    await DaemonProcess.start(t, site)
    const again = await openAs(t, site.socket, identity)
    t.match(await again.call('session.resume', { tokens }), { resumed: 2, unknown: [] })
    t.match(await again.call('status.get'), { stateDatabase: 'ok', inUse: 3 })
    t.match(await again.call('license.get'), { state: 'active', limit: 10 })
  },
)
