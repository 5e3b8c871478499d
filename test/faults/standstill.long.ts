// A daemon that stood still for long, on the program that ships.
import t from 'tap'
import { DaemonProcess, openAs } from '../support/daemon.ts'
import { startProcess } from '../support/processes.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const identity = { clientId: 'ivr-7', clientSecret: '2f1d8c4be0a94d52a1c3' }
const STOOD_MS = 60_000

t.setTimeout(180_000)

t.test('SIGSTOP for a minute: who is connected, who was orphaned and who is new are all served', async t => {
  const site = new Site(t)
  await site.license()
  const daemon = await DaemonProcess.start(t, site)
  const held = await openAs(t, site.socket)
  const [token = ''] = await held.acquireAll(['held'])
  const cut = await openAs(t, site.socket, identity)
  const tokens = await cut.acquireAll(['orphaned'])
  const { kill, ...owner } = startProcess(t)
  const gone = await openAs(t, site.socket, { process: owner })
  await gone.acquireAll(['dead'])
  await cut.cut()
  await until('it is orphaned', async () => (await held.call('status.get')).orphaned === 1)

  daemon.child.kill('SIGSTOP')
  const since = performance.now()
  // They knock while nobody answers, and their process dies.
  const back = openAs(t, site.socket, identity)
  const answer = held.call('session.acquire', { key: 'asked-meanwhile' })
  await kill()
  gone.socket.destroy()
  await until('a minute is over', () => performance.now() - since > STOOD_MS, 2 * STOOD_MS)
  daemon.child.kill('SIGCONT')

  t.match(await answer, { granted: true })
  t.match(await (await back).call('session.resume', { tokens }), { resumed: 1, unknown: [] })
  await until('the session of the dead one is free', async () => (await held.call('status.get')).inUse === 3)
  t.match(await held.call('status.get'), { orphaned: 0, leaked: 0, journal: 'ok' })
  t.strictSame(await held.call('session.release', { token }), { released: true })
  t.equal(await daemon.stop(), 0)
})
