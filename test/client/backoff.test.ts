import t from 'tap'
import { backoffMs, FIRST_BACKOFF_MS, MAX_BACKOFF_MS } from '../../src/client/backoff.ts'

t.test('doubles from 50 ms to 5 s', async t => {
  const bounds = [0, 1, 2, 3, 4, 5, 6, 7, 8, 1000].map(attempt => backoffMs(attempt, 1))
  t.strictSame(bounds, [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000])
  t.equal(FIRST_BACKOFF_MS, 50)
  t.equal(MAX_BACKOFF_MS, 5000)
})

t.test('the jitter is full: from nothing to the bound', async t => {
  t.equal(backoffMs(6, 0), 0)
  t.equal(backoffMs(6, 0.25), 800)
})
