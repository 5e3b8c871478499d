import { mkdirSync, readdirSync, renameSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import t, { type Test } from 'tap'
import { systemClocks } from '../../../src/daemon/clocks.ts'
import { defaultConfig } from '../../../src/daemon/config/keys.ts'
import { HistoryDatabase, readHistory } from '../../../src/daemon/history/database.ts'
import { HistoryRecorder } from '../../../src/daemon/history/recorder.ts'
import { createLogger } from '../../../src/log.ts'
import { noFigures, sumFigures } from '../../../src/report/figures.ts'
import type { Span } from '../../../src/report/spans.ts'
import { type LogLine, startHere } from '../../support/daemon.ts'
import { Site } from '../../support/site.ts'
import { until } from '../../support/until.ts'

const begin = Date.parse('2026-11-23T07:50:00Z')

/** A recorder of a counter that the test moves on, at times that the test says. */
function recording(t: Test, path = join(t.testdir(), 'history.db')) {
  const log: LogLine[] = []
  const destination = { write: (line: string) => void log.push(JSON.parse(line)) }
  const ended = { released: 0 }
  const totals = { granted: 0, denied: new Map<string, number>(), ended }
  const application = { name: 'ivr', inUse: 1, peak: 1, granted: 0, denied: 0 }
  const counter = { inUse: 1, limit: 3, totals, applications: [application] }
  const settings = { ...defaultConfig().history }
  let now = 0
  const parts = {
    path,
    settings: () => settings,
    counter,
    takePeak: () => counter.inUse,
    wallNow: () => begin + now,
    log: createLogger({ level: 'debug', destination }),
  }
  const recorder = new HistoryRecorder(parts, now)
  t.teardown(() => recorder.close(now))
  /** A quarter of a second at a time, with so many grants in each. */
  const pass = (ms: number, grants = 1) => {
    for (const end = now + ms; now < end; ) {
      now += 250
      totals.granted += grants
      application.granted += grants
      recorder.look(now)
    }
  }
  const rows = (span: Span) => readHistory(path, reader => reader.rows(span, 0, Number.MAX_SAFE_INTEGER))
  const kept = (span: Span) => sumFigures(rows(span).map(({ figures }) => figures))
  return { recorder, path, log, settings, totals, pass, rows, kept }
}

t.test('what passes is in the rows of its minutes, hours and days', async t => {
  const { recorder, pass, rows, kept, totals } = recording(t)
  pass(660_000)
  recorder.close(660_000)
  t.equal(rows('minute').length, 12)
  t.equal(rows('hour').length, 2)
  t.match(rows('minute')[3], { start: begin + 180_000, figures: { observedMs: 60_000, inUseMs: 60_000 } })
  for (const span of ['minute', 'hour', 'day'] as const) {
    t.match(kept(span), { granted: totals.granted, observedMs: 660_000, inUseMs: 660_000 }, span)
  }
})

t.test('a file that is locked, or cannot be made, costs nothing but the wait, and is told once', async t => {
  const folder = t.testdir()
  const path = join(folder, 'history.db')
  mkdirSync(path)
  const { pass, kept, log, totals } = recording(t, path)
  pass(120_000)
  t.match(log, [{ level: 'error', message: /cannot be written; it waits/, hint: /stateDirectory/ }])
  t.equal(log.length, 1)
  rmdirSync(path)
  pass(20_000)
  t.match(log[1], { level: 'info', lostMinutes: 0 })
  pass(10_000, 0)
  t.equal(kept('minute').granted, totals.granted)

  const backup = new Database(path)
  backup.exec('BEGIN IMMEDIATE')
  pass(40_000)
  t.equal(log.length, 2, 'a short lock is not worth a line')
  t.not(kept('hour').granted, totals.granted)
  backup.exec('COMMIT')
  backup.close()
  pass(10_000, 0)
  t.equal(kept('hour').granted, totals.granted)
  t.equal(log.length, 2)
})

t.test('what cannot be written waits for a day at most', async t => {
  const path = join(t.testdir(), 'history.db')
  mkdirSync(path)
  const { pass, settings, rows, log } = recording(t, path)
  settings.writeSeconds = 600
  pass(1441 * 60_000 + 250, 0)
  rmdirSync(path)
  pass(600_000, 0)
  t.match(log[1], { message: /written again/ })
  t.ok(rows('minute').length <= 1440 && (log[1]!['lostMinutes'] as number) >= 2)
})

t.test('damage, a file of a newer program, a file that was moved away', async t => {
  const { pass, path, log, rows } = recording(t)
  pass(20_000)
  renameSync(path, `${path}.moved`)
  pass(10_000)
  t.equal(rows('minute').length, 1, 'a new one is begun')

  mkdirSync(join(path, '../other'))
  const other = join(path, '../other/history.db')
  writeFileSync(other, 'this is no database, '.repeat(100))
  const second = recording(t, other)
  second.pass(20_000)
  second.pass(10_000, 0)
  t.match(second.log, [{ message: /set aside; a new one is begun/ }])
  t.equal(second.kept('minute').granted, second.totals.granted)
  t.equal(readdirSync(join(other, '..')).filter(name => /set-aside-[^-]*-[^-]*-[^-]*$/.test(name)).length, 1)

  const newer = new Database(`${other}2`)
  newer.pragma('user_version = 99')
  newer.close()
  const third = recording(t, `${other}2`)
  third.pass(20_000)
  t.match(third.log, [{ message: /schema 99/, hint: /newer sessiond/ }])
  t.equal(log.length, 0)
})

t.test('the oldest rows go, a bounded number at a time, and each span by its own number', async t => {
  const path = join(t.testdir(), 'history.db')
  const db = new HistoryDatabase(path)
  t.teardown(() => db.close())
  const starts = Array.from({ length: 700 }, (_, index) => index)
  db.add(starts.map(start => ({ span: 'minute', start, figures: noFigures })))
  db.add(starts.slice(0, 10).map(start => ({ span: 'day', start, figures: noFigures })))
  const kept = { minute: 100, hour: 5, day: 20 }
  const count = () => readHistory(path, reader => reader.rows('minute', 0, 1000).length)
  db.prune(kept)
  t.equal(count(), 200)
  db.prune(kept)
  db.prune(kept)
  const left = readHistory(path, reader => [reader.rows('minute', 0, 1000), reader.rows('day', 0, 1000)])
  t.strictSame(
    left.map(rows => [rows.length, rows[0]?.start]),
    [
      [100, 600],
      [10, 0],
    ],
  )
})

t.test('none is kept where that is not wanted, and what happened meanwhile is not made up for', async t => {
  const { pass, settings, kept, totals } = recording(t)
  pass(10_000)
  const before = totals.granted
  settings.enabled = false
  pass(30_000)
  settings.enabled = true
  pass(10_000)
  t.ok(kept('minute').granted < before + 100)
})

t.test('minutes without a daemon are told apart from idle ones', async t => {
  const site = new Site(t)
  const path = join(site.config.stateDirectory, 'history.db')
  for (const minute of [0, 5]) {
    const wallNow = () => begin + minute * 60_000 + 30_000
    const { stop } = await startHere(t, site, { ...systemClocks, wallNow })
    await until('it looked', () => {
      try {
        return readHistory(path, reader => reader.latest('minute')?.start === begin + minute * 60_000)
      } catch {
        return false
      }
    })
    await stop()
  }
  const rows = readHistory(path, reader => reader.rows('minute', begin, begin + 600_000))
  t.strictSame(
    rows.map(({ start }) => (start - begin) / 60_000),
    [0, 5],
  )
  for (const { figures } of rows)
    t.match({ ...figures, some: figures.observedMs > 0 }, { granted: 0, inUseMs: 0, some: true })
})
