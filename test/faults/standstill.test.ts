// A daemon that stood still, on the program that ships: nobody loses what it could not resume meanwhile.
import t from 'tap'
import { DaemonProcess, openAs, openClient } from '../support/daemon.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const identity = { clientId: 'ivr-7', clientSecret: '2f1d8c4be0a94d52a1c3' }
const WINDOW_MS = 1000

t.test('sessions that were orphaned before a standstill are resumed after it', async t => {
  const site = new Site(t, { sessions: { resumeWindowMs: WINDOW_MS } })
  await site.license()
  const daemon = await DaemonProcess.start(t, site)
  const observer = await openClient(t, site.socket)
  const holder = await openAs(t, site.socket, identity)
  const tokens = await holder.acquireAll(['a'])
  await holder.cut()
  await until('it is orphaned', async () => (await observer.call('status.get')).orphaned === 1)
  daemon.child.kill('SIGSTOP')
  const back = openAs(t, site.socket, identity)
  const since = performance.now()
  await until('the window is over', () => performance.now() - since > 2 * WINDOW_MS)
  daemon.child.kill('SIGCONT')
  const client = await back
  t.match(await client.call('session.resume', { tokens }), { resumed: 1, unknown: [] })
  t.match(await observer.call('status.get'), { inUse: 1, orphaned: 0, leaked: 0 })
})
