import t from 'tap'
import { storm } from './storm.ts'

const SEED = Number(process.env['STORM_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const KILLS = 50

t.setTimeout(200_000)

t.test(`killed ${KILLS} times under load: the books of both sides agree`, async t => {
  const result = await storm(t, { kills: KILLS, seed: SEED })
  t.comment(JSON.stringify(result))
  t.strictSame(result.wrong, [], `seed ${SEED}`)
  t.ok(result.compared > KILLS && result.inFlight > 0 && result.denied > 0, 'there was something to compare')
  t.ok(result.late < KILLS / 2, `${result.late} kills came too late to be judged`)
})
