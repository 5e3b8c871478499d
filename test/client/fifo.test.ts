import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { Fifo } from '../../src/client/fifo.ts'
import { parameters } from '../property.ts'

t.test('behaves as an array does', async () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ act: fc.constant('push' as const), count: fc.nat(1500) }) },
    { weight: 5, arbitrary: fc.record({ act: fc.constant('shift' as const), count: fc.nat(1500) }) },
    fc.record({ act: fc.constant('prepend' as const), count: fc.nat(3) }),
    fc.record({ act: fc.constant('retain' as const), count: fc.constant(0) }),
    fc.record({ act: fc.constant('drain' as const), count: fc.constant(0) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), steps => {
      const fifo = new Fifo<number>()
      let model: number[] = []
      let next = 0
      for (const { act, count } of steps) {
        if (act === 'push') {
          for (let index = 0; index < count; index++) {
            fifo.push(next)
            model.push(next++)
          }
        } else if (act === 'shift') {
          for (let index = 0; index < count; index++) assert.equal(fifo.shift(), model.shift())
        } else if (act === 'prepend') {
          const items = Array.from({ length: count }, () => next++)
          fifo.prepend(items)
          model = [...items, ...model]
        } else if (act === 'retain') {
          fifo.retain(item => item % 2 === 0)
          model = model.filter(item => item % 2 === 0)
        } else {
          assert.deepEqual(fifo.drain(), model)
          model = []
        }
        assert.equal(fifo.length, model.length)
        assert.deepEqual([...fifo], model)
      }
    }),
    parameters(30),
  )
})
