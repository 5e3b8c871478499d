// A short soak, judged for function and gross leaks; `npm run soak` is the one that judges latency too.
import t from 'tap'
import { soak } from './soak.ts'

const SECONDS = 15
const RATE = 300
/** What may still be warming up after so short a time. */
const MAX_GROWTH_MIB = { residentBytes: 40, liveBytes: 4, journalBytes: 6 }

t.test('mixed load: every call is answered, nothing is left, nothing grows grossly', async t => {
  const seed = Math.floor(Math.random() * 2 ** 31)
  const { calls, disturbances, status, licensesTaken, trends } = await soak(t, {
    ...{ seconds: SECONDS, rate: RATE, seed, sampleEvery: 1 },
  })
  t.comment(JSON.stringify({ seed, calls, disturbances, status }))
  t.equal(calls.granted + calls.denied, calls.asked)
  t.ok(calls.granted > 0 && calls.denied > 0, 'some met the limit')
  t.match(calls, { released: calls.granted, lost: 0 })
  const granted = calls.granted + disturbances.granted
  t.match(status, { inUse: 0, granted, released: granted, journal: 'ok' })
  t.ok(disturbances.resumed > 0 && licensesTaken > 0 && disturbances.reloads > 0)
  for (const { measure, first, last } of trends) {
    if (measure === 'openFiles') t.ok(last <= first + 4, `${first} open files, then ${last}`)
    if (!(measure in MAX_GROWTH_MIB)) continue
    const growth = (last - first) / 1_048_576
    t.ok(growth < MAX_GROWTH_MIB[measure as keyof typeof MAX_GROWTH_MIB], `${measure}: ${growth} MiB more`)
  }
})
