import t from 'tap'
import { CLOSE, mayComeBack, REFUSAL_MESSAGES } from '../../src/protocol/codes.ts'

t.test('a close code says whether to come back', async t => {
  const comeBack = [1000, 1001, 1005, 1006, 1011, 1012, 1013, 4000, 4001, 4002, 4499, 5000]
  const stayAway = [1003, 1007, 1009, 4500, 4501, 4999]
  for (const code of comeBack) t.equal(mayComeBack(code), true, String(code))
  for (const code of stayAway) t.equal(mayComeBack(code), false, String(code))
  for (const code of Object.values(CLOSE))
    t.ok([...comeBack, ...stayAway].includes(code), `${code} is known here`)
})

t.test('every refusal is told in a sentence', async t => {
  for (const message of Object.values(REFUSAL_MESSAGES)) t.match(message, /^[A-Z].*[.a-zA-Z]$/)
})
