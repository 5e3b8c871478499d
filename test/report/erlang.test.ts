import fc from 'fast-check'
import t from 'tap'
import { erlangB, offeredLoad, sessionsFor } from '../../src/report/erlang.ts'
import { parameters } from '../property.ts'

t.test('published values of the formula', async t => {
  t.equal(erlangB(10, 10).toFixed(4), '0.2146')
  t.equal(erlangB(20, 30).toFixed(4), '0.0085')
  t.equal(erlangB(1, 1), 0.5)
  t.equal(erlangB(0, 0), 1)
  t.equal(erlangB(0, 5), 0)
})

t.test('the load that a published table allows just needs its number of sessions', async t => {
  const table: [sessions: number, blocking: number, erlangs: number][] = [
    [10, 0.01, 4.461],
    [20, 0.01, 12.03],
    [100, 0.01, 84.06],
    [10, 0.001, 3.092],
    [20, 0.001, 9.411],
    [10, 0.0001, 2.26],
  ]
  for (const [sessions, blocking, erlangs] of table) {
    t.equal(sessionsFor(erlangs * 0.999, blocking), sessions, `${sessions} at ${blocking}`)
    t.equal(sessionsFor(erlangs * 1.001, blocking), sessions + 1, `one more than ${sessions} at ${blocking}`)
  }
  t.equal(sessionsFor(0, 0.01), 0)
})

t.test('more sessions block less, more load blocks more, and the number found is the fewest', async () => {
  const erlangs = fc.double({ min: 0.01, max: 2000, noNaN: true })
  const blocking = fc.double({ min: 1e-6, max: 0.9, noNaN: true })
  const holds = (load: number, sessions: number, part: number) => {
    if (erlangB(load, sessions + 1) > erlangB(load, sessions)) return false
    if (erlangB(load * 1.1, sessions) < erlangB(load, sessions)) return false
    const needed = sessionsFor(load, part)
    return erlangB(load, needed) <= part && erlangB(load, needed - 1) > part
  }
  fc.assert(fc.property(erlangs, fc.integer({ min: 1, max: 3000 }), blocking, holds), parameters(200))
})

t.test('the offered load is what is carried and what is refused', async t => {
  t.equal(offeredLoad(8, 0.2), 10)
  t.equal(offeredLoad(0, 0), 0)
  t.equal(offeredLoad(3, 1), Infinity)
})
