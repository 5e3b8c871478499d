import fc from 'fast-check'
import t from 'tap'
import { RateLimit } from '../../../src/licensing-server/http/rate-limit.ts'

const quota = { burst: 3, perHour: 60 }
const minuteMs = 60_000

t.test('a burst passes at once, then requests pass at an even rate', async t => {
  const limit = new RateLimit(quota, 100)
  const at = (now: number) => limit.take('a', now)
  for (let n = 0; n < 3; n++) t.strictSame(at(0), { ok: true })
  t.strictSame(at(0), { ok: false, retryInMs: minuteMs })
  t.strictSame(at(minuteMs / 2), { ok: false, retryInMs: minuteMs / 2 })
  t.strictSame(at(minuteMs), { ok: true })
  t.strictSame(at(minuteMs), { ok: false, retryInMs: minuteMs }, 'what was refused was not counted')
  for (let n = 0; n < 3; n++)
    t.strictSame(at(100 * minuteMs), { ok: true }, 'it never saves up more than a burst')
  t.equal(at(100 * minuteMs).ok, false)
})

t.test('keys do not share', async t => {
  const limit = new RateLimit({ burst: 1, perHour: 1 }, 100)
  t.equal(limit.take('a', 0).ok, true)
  t.equal(limit.take('b', 0).ok, true)
  t.equal(limit.take('a', 0).ok, false)
})

t.test('looking counts nothing, charging counts past the quota', async t => {
  const limit = new RateLimit(quota, 100)
  for (let n = 0; n < 10; n++) t.equal(limit.look('a', 0).ok, true)
  for (let n = 0; n < 50; n++) limit.charge('a', 0)
  t.strictSame(limit.look('a', 0), { ok: false, retryInMs: minuteMs }, 'and no debt grows without bound')
  t.equal(limit.look('a', minuteMs).ok, true)
})

t.test('what is taken back was never counted', async t => {
  const limit = new RateLimit({ burst: 2, perHour: 1 }, 10)
  limit.refund('nobody', 0)
  t.equal(limit.size, 0)
  limit.charge('a', 0)
  limit.charge('a', 0)
  t.equal(limit.look('a', 0).ok, false)
  limit.refund('a', 0)
  t.equal(limit.look('a', 0).ok, true)
  t.equal(limit.size, 1)
  limit.refund('a', 0)
  t.equal(limit.size, 0)
})

t.test('memory is bounded, and who is busy is forgotten last', async t => {
  const limit = new RateLimit({ burst: 1, perHour: 1 }, 100)
  let largest = 0
  for (let n = 0; n < 10_000; n++) {
    limit.take('busy', n)
    limit.charge('busy', n)
    limit.take(`other ${n}`, n)
    largest = Math.max(largest, limit.size)
  }
  t.equal(largest, 100)
  t.equal(limit.look('busy', 10_000).ok, false)
  const later = 10_000 * 3_600_000
  for (let n = 0; n < 20; n++) limit.take(`late ${n}`, later)
  t.ok(limit.size < 100, 'idle keys make room')
})

t.test('in no stretch of time more passes than burst and rate together', async t => {
  const gap = fc.integer({ min: 0, max: 3 * minuteMs })
  fc.assert(
    fc.property(
      fc.array(gap, { maxLength: 60 }),
      fc.integer({ min: 1, max: 10 }),
      fc.integer({ min: 1, max: 7200 }),
      (gaps, burst, perHour) => {
        const limit = new RateLimit({ burst, perHour }, 10)
        const passed: number[] = []
        let now = 0
        for (const ms of gaps) {
          now += ms
          if (limit.take('a', now).ok) passed.push(now)
        }
        return passed.every((from, first) =>
          passed
            .slice(first)
            .every((to, more) => more + 1 <= burst + ((to - from) * perHour) / 3_600_000 + 1e-6),
        )
      },
    ),
  )
  t.pass()
})

t.test('who waits as long as told gets in', async t => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: minuteMs }), { maxLength: 40 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 5000 }),
      (gaps, burst, perHour) => {
        const limit = new RateLimit({ burst, perHour }, 10)
        let now = 0
        for (const ms of gaps) {
          now += ms
          const verdict = limit.take('a', now)
          if (!verdict.ok && !limit.look('a', now + verdict.retryInMs).ok) return false
        }
        return true
      },
    ),
  )
  t.pass()
})
