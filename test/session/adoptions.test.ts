import t from 'tap'
import { Adoptions } from '../../src/session/adoptions.ts'
import { signToken } from '../../src/session/signed-token.ts'

const signer = { key: new Uint8Array(32).fill(3), instanceId: 'run-1', era: 0 }
const session = { application: 'ivr', key: 'a', grantedAt: 5 }
const lost = '0.AAAAAAAAAAAAAAAA'
const token = signToken(lost, session, signer)

t.test('a lost session is proven within the window', async t => {
  const adoptions = new Adoptions(signer)
  t.equal(adoptions.prove(token, 0), null, 'not before the window is opened')
  adoptions.openUntil(1000)
  t.strictSame(adoptions.prove(token, 999), { ...session, lost, slot: 0, isNewest: true, adoptedAs: null })
  t.equal(adoptions.prove(token, 1000), null)
  t.equal(adoptions.prove('nonsense', 0), null)
  t.equal(adoptions.prove(lost, 0), null)
})

t.test('it is known under its new token until the window closes', async t => {
  const adoptions = new Adoptions(signer)
  adoptions.openUntil(1000)
  adoptions.adopted(lost, '1.BBBBBBBBBBBBBBBB')
  adoptions.expire(999)
  t.match(adoptions.prove(token, 999), { adoptedAs: '1.BBBBBBBBBBBBBBBB' })
  adoptions.expire(1000)
  t.equal(adoptions.prove(token, 1000), null)
})

t.test('without a run before this one nothing is adopted', async t => {
  const adoptions = new Adoptions(null)
  adoptions.openUntil(1000)
  t.equal(adoptions.prove(token, 0), null)
})
