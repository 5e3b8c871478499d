import fc from 'fast-check'
import t from 'tap'
import { decideClaim } from '../../../src/licensing-server/ledger/claim.ts'
import { representative } from '../vendor.ts'
import { makePool } from './setting.ts'

const pools = fc
  .record({ owned: fc.nat(60), moved: fc.nat(60), others: fc.nat(60), free: fc.nat(60) })
  .map(({ owned, moved, others, free }) => {
    const claimed = owned + moved + others
    return { owned, moved, pool: makePool({ claimed, total: Math.max(1, claimed + free) }) }
  })

t.test('the sum of claims stays within the total, whatever is wished', async () => {
  fc.assert(
    fc.property(pools, fc.option(fc.integer({ min: 1, max: 300 })), ({ owned, moved, pool }, wish) => {
      const decision = decideClaim({ pool, owned, moved, wish, representative })
      if (!decision.ok) return true
      return (
        pool.claimed + decision.taken <= pool.total &&
        decision.taken === decision.units - owned - moved &&
        decision.taken >= 0
      )
    }),
  )
})

t.test('a wish is met, or refused for one reason', async () => {
  fc.assert(
    fc.property(pools, fc.integer({ min: 1, max: 300 }), ({ owned, moved, pool }, wish) => {
      const decision = decideClaim({ pool, owned, moved, wish, representative })
      if (wish < owned + moved) return !decision.ok && decision.refusal.code === 'lowering-refused'
      const fits = wish - owned - moved <= pool.total - pool.claimed
      if (fits) return decision.ok && decision.units === wish
      return !decision.ok && decision.refusal.code === 'pool-exhausted'
    }),
  )
})

t.test('a refusal says how many can be had: a wish is a number in all', async t => {
  const pool = makePool({ total: 100, claimed: 97 })
  const hint = (owned: number, moved: number, wish: number) => {
    const decision = decideClaim({ pool, owned, moved, wish, representative })
    return decision.ok ? null : decision.refusal.hint
  }
  t.match(hint(0, 0, 4), /^Ask for at most 3, or ask your account representative, Ada Lovelace /)
  t.match(hint(7, 0, 11), /^Ask for at most 10 in all, 7 of which this machine owns already, or ask your /)
  t.match(hint(7, 5, 16), /^Ask for at most 15 in all, 12 of which /)
  fc.assert(
    fc.property(pools, fc.integer({ min: 1, max: 300 }), (of, wish) => {
      const decision = decideClaim({ ...of, wish, representative })
      if (decision.ok || decision.refusal.code !== 'pool-exhausted') return true
      const [, most] = /^Ask for at most (\d+)/.exec(decision.refusal.hint) ?? []
      // Where none is left, nothing is advised but to have some added.
      if (most === undefined) return decision.refusal.pool?.available === 0
      const [advised, next] = [Number(most), Number(most) + 1].map(
        number => decideClaim({ ...of, wish: number, representative }).ok,
      )
      return advised === true && next === false
    }),
  )
})

t.test('without a wish, a machine keeps what it has and is brought', async t => {
  const pool = makePool({ total: 10, claimed: 10 })
  t.strictSame(decideClaim({ pool, owned: 7, moved: 0, wish: null, representative }), {
    ok: true,
    units: 7,
    taken: 0,
  })
  t.strictSame(decideClaim({ pool, owned: 2, moved: 7, wish: null, representative }), {
    ok: true,
    units: 9,
    taken: 0,
  })
  t.match(decideClaim({ pool, owned: 0, moved: 0, wish: null, representative }), {
    refusal: { code: 'sessions-required' },
  })
})

t.test('seats: one a machine', async t => {
  const pool = makePool({ product: 'studio', total: 10, claimed: 9 })
  const seat = { ok: true, units: 1 }
  t.match(decideClaim({ pool, owned: 0, moved: 0, wish: null, representative }), { ...seat, taken: 1 })
  t.match(decideClaim({ pool, owned: 1, moved: 0, wish: 1, representative }), { ...seat, taken: 0 })
  t.match(decideClaim({ pool, owned: 0, moved: 1, wish: null, representative }), { ...seat, taken: 0 })
  t.match(decideClaim({ pool, owned: 1, moved: 1, wish: null, representative }), {
    refusal: { code: 'one-seat-a-machine' },
  })
  t.match(decideClaim({ pool, owned: 0, moved: 0, wish: 2, representative }), {
    refusal: { code: 'one-seat-a-machine', message: 'A machine takes one seat; 2 were asked for.' },
  })
})
