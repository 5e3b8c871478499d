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

/** Reads how late the event loop was, as Prometheus does. */
async function lagOf(daemon: DaemonProcess): Promise<(what: 'sum' | 'count') => Promise<number>> {
  const { operations } = await daemon.logged('Metrics and probes are served.')
  const { port } = operations as { port: number }
  return async what => {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    return Number(new RegExp(`^sessiond_event_loop_lag_seconds_${what} (.*)$`, 'm').exec(text)?.[1])
  }
}

t.test('the event loop stalls: who asks meanwhile is answered, and the delay shows', async t => {
  const site = new Site(t, { sessions: { resumeWindowMs: WINDOW_MS } })
  await site.license()
  const stalling = new URL('../support/stalling.ts', import.meta.url).href
  const daemon = await DaemonProcess.start(t, site, {
    nodeFlags: ['--import', stalling],
    environment: { STALL_MS: String(3 * WINDOW_MS) },
  })
  const lag = await lagOf(daemon)
  await until('the lag is measured', async () => (await lag('count')) > 0)
  const observer = await openClient(t, site.socket)
  const holder = await openAs(t, site.socket, identity)
  const tokens = await holder.acquireAll(['a'])
  await holder.cut()
  await until('it is orphaned', async () => (await observer.call('status.get')).orphaned === 1)
  daemon.child.kill('SIGUSR2')
  await daemon.logged('The event loop stalls.')
  const since = performance.now()
  const back = openAs(t, site.socket, identity)
  t.match(await observer.call('session.acquire', { key: 'b' }), { granted: true, inUse: 2 })
  t.ok(performance.now() - since > WINDOW_MS, 'it stood still')
  t.match(await (await back).call('session.resume', { tokens }), { resumed: 1, unknown: [] })
  t.match(await observer.call('status.get'), { inUse: 2, orphaned: 0, leaked: 0 })
  t.ok((await lag('sum')) > WINDOW_MS / 1000, 'the metrics tell how late it was')
})
