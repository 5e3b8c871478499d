// The usage history of a real daemon: what was granted is in it once, whatever happens to the process.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readHistory } from '../../../src/daemon/history/database.ts'
import { type Figures, sumFigures } from '../../../src/report/figures.ts'
import { spanNames } from '../../../src/report/spans.ts'
import { DaemonProcess, openAs } from '../../support/daemon.ts'
import type { RawClient } from '../../support/raw-client.ts'
import { Site } from '../../support/site.ts'
import { until } from '../../support/until.ts'

function kept(site: Site): Record<(typeof spanNames)[number], Figures> {
  const path = join(site.config.stateDirectory, 'history.db')
  const sums = spanNames.map(span => {
    if (!existsSync(path)) return [span, sumFigures([])]
    const rows = readHistory(path, reader => reader.rows(span, 0, Number.MAX_SAFE_INTEGER))
    return [span, sumFigures(rows.map(({ figures }) => figures))]
  })
  return Object.fromEntries(sums)
}

/** Takes and gives back so many sessions, one after the other. */
async function call(client: RawClient, calls: number): Promise<void> {
  for (let index = 0; index < calls; index++) {
    const { token } = await client.call('session.acquire', { key: `k${index}` })
    await client.call('session.release', { token })
  }
}

t.test('what was granted before a crash, after it and up to a stop adds up, in every span', async t => {
  const site = new Site(t, { history: { writeSeconds: 1 }, sessions: { resumeWindowMs: 60_000 } })
  await site.license({ maxSessions: 3 })
  const first = await DaemonProcess.start(t, site)
  let client = await openAs(t, site.socket, { application: 'ivr' })
  await call(client, 20)
  for (const key of ['a', 'b']) await client.call('session.acquire', { key })
  await until('22 grants are kept', () => kept(site).minute.granted === 22)
  await first.kill()
  const atCrash = kept(site)
  t.equal(atCrash.minute.granted, 22)

  const second = await DaemonProcess.start(t, site)
  client = await openAs(t, site.socket, { application: 'recorder' })
  await call(client, 5)
  await client.call('session.acquire', { key: 'c' })
  t.match(await client.call('session.acquire', { key: 'd' }), { granted: false })
  t.equal(await second.stop(), 0)

  const { minute, hour, day } = kept(site)
  t.match(minute, {
    granted: 28,
    refused: { 'limit-reached': 1 },
    released: { released: 25 },
    peak: 3,
    limit: { low: 3, high: 3 },
    applications: { ivr: { granted: 22 }, recorder: { granted: 6, refused: 1, peak: 1 } },
  })
  t.strictSame(hour, minute)
  t.strictSame(day, minute)
  t.ok(minute.inUseMs > 0 && minute.inUseMs <= 3 * minute.observedMs)
})
