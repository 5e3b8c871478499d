import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import t, { type Test } from 'tap'
import { HistoryDatabase } from '../../src/daemon/history/database.ts'
import { sessionsFor } from '../../src/report/erlang.ts'
import { type Figures, noFigures } from '../../src/report/figures.ts'
import { spans, startOf } from '../../src/report/spans.ts'
import { Site } from '../support/site.ts'
import { invoke } from './invoke.ts'

const { hour } = spans
const monday = Date.parse('2026-11-23T00:00:00Z')

/** A machine whose daemon does not run, with a history of one working day. */
function siteWithDay(t: Test) {
  const site = new Site(t)
  const file = join(site.config.stateDirectory, 'history.db')
  const db = new HistoryDatabase(file)
  for (let index = 8; index < 18; index++) {
    const granted = index === 10 ? 90 : 60
    const inUse = index === 10 ? 8 : 4
    const lost = index === 10 ? 10 : 0
    const figures: Figures = {
      ...noFigures,
      observedMs: hour,
      inUseMs: inUse * hour,
      fullMs: index === 10 ? hour / 10 : 0,
      peak: inUse + 2,
      limit: { low: 10, high: 10 },
      granted,
      refused: lost === 0 ? {} : { 'limit-reached': lost },
      released: { released: granted },
      applications: { ivr: { inUseMs: (inUse * hour) / 2, peak: inUse, granted: granted / 2, refused: 0 } },
    }
    const at = monday + index * hour
    for (const span of ['minute', 'hour', 'day'] as const)
      db.add([{ span, start: startOf(span, at), figures }])
  }
  db.close()
  const config = site.writeConfig()
  const ctl = (...args: string[]) =>
    invoke('sessionctl', ['report', ...args, '--config', config], { cwd: site.folder })
  return { site, file, ctl }
}

const ofMonday = ['--from', '2026-11-23', '--to', '2026-11-24', '--utc']

t.test('the report of a day, for people, for a spreadsheet and for programs', async t => {
  const { ctl } = siteWithDay(t)
  const { code, stdout, stderr } = await ctl(...ofMonday)
  t.match({ code, stderr }, { code: 0, stderr: '' })
  t.match(stdout, /^Usage from 2026-11-23 00:00 to 2026-11-24 00:00 UTC, by hour, all applications$/m)
  t.match(stdout, /^2026-11-23 10:00 +8\.00 +10 +10 +90 +10$/m)
  t.match(stdout, /^Left out: 14 hours without a daemon, or still to come\.$/m)
  t.match(stdout, /^Granted +630$/m)
  t.match(stdout, /^Refused +10 \(1\.6 %\): limit-reached 10$/m)
  t.match(stdout, /^ivr +2\.20 +8 +315 +0$/m)
  t.match(stdout, /^Busy hour 2026-11-23 10:00: 8\.00 erlangs carried, 10\.0 % refused/m)
  const offered = 8 / 0.9
  const needed = sessionsFor(offered, 0.01)
  t.match(stdout, new RegExp(`^1 % +${needed} +${needed - 10} more than licensed$`, 'm'))
  t.match(stdout, /^ +10 │ {24}─{6}█{3}─{21}$/m, 'at ten the bar reaches the limit')
  t.match(stdout, /^ +0 │·{24}█{30}·{18}$/m, 'no daemon is not the same as idle')

  const manual = readFileSync(join(import.meta.dirname, '../../docs/reports.md'), 'utf8')
  const example = /```text\n([^`]+)```/.exec(manual)![1]!.split('\n')
  t.strictSame(
    example.filter(line => line !== '…' && !stdout.split('\n').includes(line)),
    [],
    'docs/reports.md shows this report',
  )

  const { advice, series, total } = JSON.parse((await ctl(...ofMonday, '--json')).stdout)
  t.match({ advice, total }, { advice: { offeredErlangs: offered, limit: 10 }, total: { granted: 630 } })
  t.equal(series.length, 24)
  const csv = (await ctl(...ofMonday, '--csv')).stdout.trimEnd().split('\n')
  t.equal(csv.length, 25)
  t.equal(csv[11], '2026-11-23T10:00:00.000Z,3600,28800,8.000,10,10,10,360,90,10,90')
  t.equal(csv[1], '2026-11-23T00:00:00.000Z,0,0,,0,,,0,0,0,0')

  const one = (await ctl(...ofMonday, '-a', 'ivr', '--by', 'day')).stdout
  t.match(one, /by day, application ivr\n(?:.*\n)*Granted +315\n/)
  t.match(one, /^Busy hour 2026-11-23 10:00: 4\.00 erlangs/m)
})

t.test('a time of which nothing is known', async t => {
  const { ctl } = siteWithDay(t)
  t.match((await ctl('--from', '2020-01-01', '--to', '2020-01-02')).stdout, /^No daemon kept a history/m)
})

t.test('what cannot be reported is told with what helps', async t => {
  const { ctl, file } = siteWithDay(t)
  t.match(await ctl('--from', 'x'), { code: 2, stderr: /--from is neither a date nor an age: "x"/ })
  t.match(await ctl('--from', '1d', '--to', '2d'), { code: 2, stderr: /--from must be before --to/ })
  t.match(await ctl('--from', '400d', '--by', 'minute'), { code: 2, stderr: /more than 60000 lines/ })
  const none = new Site(t)
  const empty = await invoke('sessionctl', ['report', '--config', none.writeConfig()], { cwd: none.folder })
  t.match(empty, { code: 1, stderr: /no usage history .*\nhint: sessiond begins it at its start/ })
  const db = new Database(file)
  db.pragma('user_version = 99')
  db.close()
  t.match(await ctl(), { code: 1, stderr: /has schema 99; this program knows 1/ })
  writeFileSync(file, 'this is no database, '.repeat(50))
  t.match(await ctl('--json'), { code: 1, stdout: /"history-not-usable"/ })
})
