// Faults of the machine, on the program that ships; docs/faults.md says what is promised.
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { DaemonProcess, openAs, openClient, type ProcessOptions } from '../support/daemon.ts'
import { Site } from '../support/site.ts'
import { SmallDisk } from '../support/small-disk.ts'
import { until } from '../support/until.ts'

const identity = { clientId: 'ivr-7', clientSecret: '2f1d8c4be0a94d52a1c3' }
const FAKETIME = '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1'

t.test('a journal on a disk that is read-only at the start is counted, and heals', async t => {
  const disk = SmallDisk.mount(t, 1024)
  if (disk === null) return t.comment('not tried: only root may mount a small disk')
  const site = new Site(t)
  site.config.runtimeDirectory = disk.path
  await site.license()
  const first = await DaemonProcess.start(t, site)
  const tokens = await (await openAs(t, site.socket, identity)).acquireAll(['a', 'b', 'c'])
  await first.kill()
  disk.setReadOnly(true)
  const second = await DaemonProcess.start(t, site)
  const back = await openAs(t, site.socket, identity)
  t.match(await back.call('status.get'), { journal: 'degraded', inUse: 3 })
  t.match(await back.call('session.resume', { tokens }), { resumed: 3, unknown: [] })
  disk.setReadOnly(false)
  await second.logged('The journal is written again.')
  await second.kill()
  await DaemonProcess.start(t, site)
  const last = await openClient(t, site.socket)
  t.match(await last.call('session.resume', { tokens }), { resumed: 3, unknown: [] })
})

const TURNED_CLOCK = new URL('../e2e/turned-clock.ts', import.meta.url).href
const DAYS_MS = 40 * 86_400_000

/** Ways to turn the wall clock of a program that runs, and that alone: each reads a file with how far it is ahead. */
const CLOCKS: Record<string, { leaps: string[]; options: (clock: string) => ProcessOptions }> = {
  'as JavaScript has it': {
    leaps: [String(DAYS_MS), String(-DAYS_MS), '0'],
    options: clock => ({ nodeFlags: ['--import', TURNED_CLOCK], environment: { TURNED_CLOCK: clock } }),
  },
  'as libfaketime gives it to all of the process': {
    leaps: ['+40d', '-40d', '+0'],
    options: clock => ({
      environment: {
        LD_PRELOAD: FAKETIME,
        FAKETIME_TIMESTAMP_FILE: clock,
        FAKETIME_NO_CACHE: '1',
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
      },
    }),
  },
}

for (const [how, { leaps, options }] of Object.entries(CLOCKS)) {
  t.test(`the wall clock is set forward and back, ${how}: no session ends, none is refused`, async t => {
    if (how.includes('libfaketime') && !existsSync(FAKETIME))
      return t.comment('not tried: libfaketime is not installed')
    const site = new Site(t, { sessions: { resumeWindowMs: 60_000 } })
    await site.license()
    const clock = join(site.folder, 'clock')
    writeFileSync(clock, leaps.at(-1)!)
    await DaemonProcess.start(t, site, options(clock))
    const client = await openClient(t, site.socket)
    const cut = await openAs(t, site.socket, identity)
    const tokens = await cut.acquireAll(['cut'])
    await cut.cut()
    for (const leap of leaps) {
      writeFileSync(clock, leap)
      t.match(await client.call('session.acquire', { key: leap }), { granted: true }, leap)
    }
    t.match(await client.call('session.resume', { tokens }), { resumed: 1 })
    t.match(await client.call('status.get'), { inUse: 4, leaked: 0 })
  })
}

t.test('a slow reader that reads on finds close code 4001', async t => {
  const bounds = { maxBufferedBytes: 65_536, maxFrameBytes: 65_536 }
  const site = new Site(t, { bounds })
  await site.license()
  const daemon = await DaemonProcess.start(t, site)
  const slow = await openClient(t, site.socket)
  slow.socket.pause()
  const request = slow.request('status.get')
  await until('it is closed', () => {
    slow.send(...Array.from({ length: 50 }, () => request))
    return daemon.log.some(({ cause }) => cause === 'slow-reader')
  })
  slow.socket.resume()
  t.equal((await slow.closed).code, 4001)
})
