// A short storm; storm.long.ts is a longer one, and `npm run storm` one of a thousand kills.
import t from 'tap'
import { storm } from './storm.ts'

const SEED = Number(process.env['STORM_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

t.test('killed ten times under load: the books of both sides agree', async t => {
  const result = await storm(t, { kills: 10, seed: SEED, resumeWindowMs: 4000 })
  t.strictSame(result.wrong, [], `seed ${SEED}`)
  t.ok(result.compared > 0 && result.inFlight > 0, 'there was something to compare')
  t.comment(JSON.stringify(result))
})
