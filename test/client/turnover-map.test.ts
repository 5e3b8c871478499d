import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { TurnoverMap } from '../../src/client/turnover-map.ts'
import { parameters } from '../property.ts'

t.test('behaves as a map does', async () => {
  const step = fc.record({
    act: fc.constantFrom('set', 'set', 'delete', 'clear'),
    first: fc.nat(300),
    count: fc.nat(200),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), steps => {
      const map = new TurnoverMap<number>()
      const model = new Map<string, number>()
      for (const [serial, { act, first, count }] of steps.entries()) {
        if (act === 'clear' && count < 20) {
          map.clear()
          model.clear()
        }
        for (let index = first; index < first + count; index++) {
          if (act === 'set') {
            map.set(`key-${index}`, serial)
            model.set(`key-${index}`, serial)
          } else if (act === 'delete') {
            map.delete(`key-${index}`)
            model.delete(`key-${index}`)
          }
        }
        assert.equal(map.size, model.size)
        assert.deepEqual([...map], [...model])
      }
      assert.deepEqual([...map.keys()], [...model.keys()])
      assert.deepEqual([...map.values()], [...model.values()])
      assert.deepEqual([...map.entries()], [...model.entries()])
      for (let index = 0; index < 500; index++) {
        assert.equal(map.get(`key-${index}`), model.get(`key-${index}`))
        assert.equal(map.has(`key-${index}`), model.has(`key-${index}`))
      }
      const seen: unknown[] = []
      map.forEach((value, key, of) => {
        seen.push([key, value], of)
      })
      assert.deepEqual(
        seen,
        [...model].flatMap(entry => [entry, map]),
      )
    }),
    parameters(300),
  )
})

t.test('all can be deleted while they are gone through', async t => {
  const map = new TurnoverMap<number>()
  for (let index = 0; index < 1000; index++) map.set(`key-${index}`, index)
  const seen: number[] = []
  for (const [key, value] of map) {
    seen.push(value)
    map.delete(key)
  }
  t.strictSame(
    seen,
    Array.from({ length: 1000 }, (_, index) => index),
  )
  t.equal(map.size, 0)
})
