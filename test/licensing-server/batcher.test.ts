import t from 'tap'
import { Batcher, type Pace } from '../../src/licensing-server/store/batcher.ts'
import { Gate } from '../../src/licensing-server/store/gate.ts'

t.test('what is asked in one turn, and while a batch is under way, goes together', async t => {
  const batches: number[][] = []
  let release = () => {}
  const batcher = new Batcher<number, number>(3, async items => {
    batches.push(items)
    await new Promise<void>(resolve => {
      release = resolve
    })
    return items.map(item => item * 10)
  })
  const first = [batcher.add(1), batcher.add(2)]
  await new Promise(setImmediate)
  const second = [3, 4, 5, 6].map(item => batcher.add(item))
  release()
  t.strictSame(await Promise.all(first), [10, 20])
  release()
  t.strictSame(await Promise.all(second.slice(0, 3)), [30, 40, 50])
  release()
  t.equal(await second[3], 60)
  t.strictSame(batches, [[1, 2], [3, 4, 5], [6]])
  await batcher.idle()
})

t.test('an item fails alone, a batch as a whole, and the next one is carried out', async t => {
  const batcher = new Batcher<string, string>(10, async items => {
    if (items.includes('all')) throw new Error('the batch failed')
    return items.map(item => (item === 'one' ? new Error('the item failed') : item))
  })
  const settled = await Promise.allSettled(['a', 'one', 'b'].map(item => batcher.add(item)))
  t.match(settled, [{ value: 'a' }, { reason: { message: 'the item failed' } }, { value: 'b' }])
  const failed = await Promise.allSettled(['a', 'all'].map(item => batcher.add(item)))
  t.match(failed, [{ reason: { message: 'the batch failed' } }, { reason: { message: 'the batch failed' } }])
  t.equal(await batcher.add('c'), 'c')
})

/** Doubles what it is given, and notes its batches and when each of them began. */
function paced(pace: Pace) {
  const batches: { items: number[]; at: number }[] = []
  const carryOut = async (items: number[]) => {
    batches.push({ items, at: performance.now() })
    return items.map(item => item * 2)
  }
  return { batches, batcher: new Batcher<number, number>(100, carryOut, pace) }
}

t.test('whoever comes alone, one after the other, waits for nobody', async t => {
  const { batcher, batches } = paced({ usualMs: 60_000, hurriedMs: 60_000 })
  for (let item = 0; item < 20; item++) t.equal(await batcher.add(item), item * 2)
  t.equal(batches.length, 20)
})

t.test('after a batch of several the next begins a pace later, with all that came meanwhile', async t => {
  const paceMs = 500
  const { batcher, batches } = paced({ usualMs: paceMs, hurriedMs: 0 })
  batcher.hurry(false)
  const asked = performance.now()
  await Promise.all([batcher.add(1), batcher.add(2)])
  const late = [batcher.add(3)]
  await new Promise(resolve => setTimeout(resolve, 5))
  late.push(batcher.add(4))
  t.strictSame(await Promise.all(late), [6, 8])
  const [first, second] = batches
  t.strictSame([first?.items, second?.items, batches.length], [[1, 2], [3, 4], 2])
  t.ok(second!.at - asked >= paceMs - 1, 'a timer may be a millisecond early')
})

t.test('a batcher that is hurried waits for the shorter pace, also where it waits already', async t => {
  const { batcher, batches } = paced({ usualMs: 60_000, hurriedMs: 100 })
  const asked = performance.now()
  await Promise.all([batcher.add(1), batcher.add(2)])
  batcher.hurry(false)
  const late = [batcher.add(3), batcher.add(4)]
  await new Promise(resolve => setTimeout(resolve, 5))
  batcher.hurry(true)
  t.strictSame(await Promise.all(late), [6, 8])
  t.ok(batches[1]!.at - asked >= 99, 'a timer may be a millisecond early')
  const last = [batcher.add(5), batcher.add(6)]
  t.strictSame(await Promise.all(last), [10, 12])
  t.strictSame(
    batches.map(({ items }) => items),
    [
      [1, 2],
      [3, 4],
      [5, 6],
    ],
  )
})

t.test('a gate lets so many through, in order, and is passed on by those that fail', async t => {
  const gate = new Gate(2)
  const order: string[] = []
  let inside = 0
  let most = 0
  const pass = (name: string, fails = false) =>
    gate.run(async () => {
      inside += 1
      most = Math.max(most, inside)
      order.push(name)
      await new Promise(setImmediate)
      inside -= 1
      if (fails) throw new Error(name)
      return name
    })
  const settled = await Promise.allSettled([
    pass('a', true),
    pass('b'),
    pass('c', true),
    pass('d'),
    pass('e'),
  ])
  t.equal(most, 2)
  t.strictSame(order, ['a', 'b', 'c', 'd', 'e'])
  t.match(
    settled.map(({ status }) => status),
    ['rejected', 'fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
  )
  t.equal(await pass('f'), 'f')
})
