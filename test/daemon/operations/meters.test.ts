import t from 'tap'
import { DurationTally } from '../../../src/daemon/operations/duration-tally.ts'
import { LOOP_CHECK_EVERY_MS, Meters } from '../../../src/daemon/operations/meters.ts'
import { paced } from '../../../src/daemon/operations/paced.ts'

t.test('a duration falls into the first bucket that it is not above', async t => {
  const tally = new DurationTally([0.001, 0.01])
  tally.record(1)
  tally.record(1.001, 3)
  tally.record(10)
  tally.record(10_000, 2)
  t.strictSame(tally.counts, [1, 4, 2])
  t.ok(Math.abs(tally.sum - 20.014003) < 1e-9)
})

t.test('the clock is read once for all acquires of a turn, and not at all without one', async t => {
  let readings = 0
  const meters = new Meters(() => {
    readings++
    return 10
  })
  meters.answered(500, 9)
  t.equal(readings, 1)
  t.equal(
    meters.acquires.counts.reduce((sum, count) => sum + count),
    500,
  )
  t.equal(meters.acquires.sum, 0.5)
  let commits = 0
  const journal = { degraded: false, commit: () => void commits++ }
  meters.commit(journal, { hasChanges: false })
  meters.commit({ ...journal, degraded: true }, { hasChanges: true })
  t.equal(readings, 1, 'a commit of nothing is none')
  t.equal(meters.commits.sum, 0)
  meters.commit(journal, { hasChanges: true })
  t.equal(commits, 3)
  t.equal(
    meters.commits.counts.reduce((sum, count) => sum + count),
    1,
  )
})

t.test('the event loop is late by what the timer came late', async t => {
  let now = 0
  const meters = new Meters(() => now)
  for (const late of [0, 0, -3, 40]) {
    now += LOOP_CHECK_EVERY_MS + late
    meters.checkLoop()
  }
  t.equal(meters.loopLag.sum, 0.04)
  t.equal(
    meters.loopLag.counts.reduce((sum, count) => sum + count),
    3,
    'the first look begins the count',
  )
})

t.test('pages are made for at most a tenth of the time', async t => {
  let now = 0
  let made = 0
  const costMs = 4
  const render = paced(
    async openMetrics => {
      now += costMs
      return { contentType: String(openMetrics), text: String(++made) }
    },
    () => now,
  )
  for (; now < 10_000; now += 0.5) await render(false)
  t.ok(made > 100 && made * costMs <= 1000, `${made} pages`)
  t.equal((await render(true)).contentType, 'true', 'each format has its own')
})

t.test('who asks while a page is made waits for it; one that fails is made again', async t => {
  const finish: ((error: Error | null) => void)[] = []
  const render = paced(
    () =>
      new Promise((resolve, reject) => {
        finish.push(error => (error === null ? resolve({ contentType: '', text: 'page' }) : reject(error)))
      }),
    () => 0,
  )
  const both = [render(false), render(false)]
  t.equal(finish.length, 1)
  finish[0]!(new Error('broken'))
  for (const each of both) await t.rejects(each, /broken/)
  const again = render(false)
  finish[1]!(null)
  t.equal((await again).text, 'page')
})
