import t from 'tap'
import { defaultConfig } from '../../src/daemon/config/keys.ts'
import { RECENT_PEAK_MS, UsageWatch } from '../../src/daemon/usage.ts'
import { createLogger } from '../../src/log.ts'
import { noTotals, notePeak } from '../../src/session/applications.ts'
import type { LogLine } from '../support/daemon.ts'

/** A watch over a count that the test sets, at times that the test says. */
function watching(limit: number) {
  const log: LogLine[] = []
  const logger = createLogger({
    level: 'debug',
    destination: { write: (line: string) => void log.push(JSON.parse(line)) },
  })
  const counted = { inUse: 0, limit, totals: noTotals() }
  const { usage } = defaultConfig()
  const watch = new UsageWatch(counted, () => usage, logger)
  const use = (count: number) => {
    counted.inUse = count
    notePeak(counted.totals, count)
  }
  return { watch, use, counted, log, usage }
}

t.test('each change of the state is logged once, with what to do where it is for the worse', async t => {
  const { watch, use, log } = watching(100)
  for (let second = 0; second < 200; second++) {
    use(second < 50 ? 95 : second < 100 ? 93 : 20)
    watch.look(second * 1000)
  }
  t.match(log, [
    { level: 'warn', from: 'safe', usage: 'warning', inUse: 95, limit: 100, hint: /sessionctl/ },
    { level: 'info', from: 'warning', usage: 'safe', inUse: 20, limit: 100 },
  ])
  t.equal(log.length, 2)
  use(100)
  t.equal(watch.state(200_000), 'full', 'whoever asks need not wait for the next look')
  t.equal(log.length, 3)
})

t.test('a peak between two looks is a peak', async t => {
  const { watch, use } = watching(100)
  watch.look(0)
  use(100)
  use(3)
  t.equal(watch.recentPeak(100), 100)
  t.equal(watch.state(250), 'full')
  t.equal(watch.recentPeak(300), 100)
})

t.test('the recent peak is forgotten, but not within its time', async t => {
  const { watch, use } = watching(100)
  for (let now = 0; now < 1_000_000; now += 250) {
    if (now === 500_250) use(60)
    if (now === 500_750) use(7)
    watch.look(now)
    const peak = watch.recentPeak(now + 1)
    if (now < 500_250) t.equal(peak, 0)
    else if (now <= 500_750 + RECENT_PEAK_MS && peak !== 60) t.fail(`${peak} at ${now}`)
    else if (now > 500_750 + RECENT_PEAK_MS + 5250 && peak !== 7) t.fail(`${peak} at ${now}`)
  }
})

t.test('the trend of five minutes', async t => {
  const { watch, use, counted } = watching(1000)
  t.equal(watch.secondsUntilFull(0), Infinity)
  const each = (from: number, to: number, inUse: (second: number) => number) => {
    for (let second = from; second < to; second++) {
      use(inUse(second))
      watch.look(second * 1000)
    }
  }
  each(0, 1000, () => 100)
  t.equal(watch.secondsUntilFull(1_000_000), Infinity)
  each(1000, 1400, second => 100 + second - 1000)
  const seconds = watch.secondsUntilFull(1_399_000)
  t.ok(Math.abs(seconds - (1000 - 499)) < 1, `${seconds}: one a second, of 501 that are free`)
  counted.limit = 100
  t.equal(watch.secondsUntilFull(1_399_000), 0)
})

t.test('thresholds are followed when they change', async t => {
  const { watch, use, usage } = watching(100)
  use(50)
  t.equal(watch.state(0), 'safe')
  usage.warningPercent = 50
  t.equal(watch.state(1), 'warning')
})

t.test('with another limit it is judged anew, at once', async t => {
  const { watch, use, counted, log } = watching(100)
  use(98)
  t.equal(watch.state(0), 'critical')
  counted.limit = 120
  t.equal(watch.state(1), 'safe')
  counted.limit = 101
  t.equal(watch.state(2), 'critical')
  counted.limit = 102
  t.equal(watch.state(3), 'warning')
  counted.limit = 104
  t.equal(watch.state(4), 'warning')
  use(104)
  use(20)
  counted.limit = 105
  t.equal(watch.state(5), 'safe', 'what was in use under the limit of before does not matter any more')
  t.strictSame(
    log.map(({ usage }) => usage),
    ['critical', 'safe', 'critical', 'warning', 'safe'],
  )
})
