// That the comparison of the storm sees what it is there to see.
import t from 'tap'
import { formatToken } from '../../src/session/token.ts'
import { Book, compareBooks, type JournalRow } from './book.ts'
import type { Deed } from './ledger.ts'
import { type Event, Overlap } from './overlap.ts'

const CLIENT = 'one'
const rowOf = (slot: number, key = `k${slot}`): JournalRow => ({
  ...{ slot, key, nonceHigh: 7, nonceLow: slot, client: CLIENT },
})
const noteOf = (deed: Deed, slot: number, at = 0n) => ({
  ...{ at, deed, key: `k${slot}`, token: deed === 'granted' ? formatToken(slot, 7, slot) : '' },
})

function bookOf(...notes: [Deed, number][]): Book {
  const book = new Book(CLIENT)
  for (const [deed, slot] of notes) book.take(noteOf(deed, slot))
  return book
}

t.test('what agrees passes; what is in flight may be there or not', async t => {
  const book = bookOf(
    ['asked', 1],
    ['granted', 1],
    ['asked', 2],
    ['asked', 3],
    ['granted', 3],
    ['releasing', 3],
  )
  t.equal(book.inFlight, 2)
  t.strictSame(compareBooks([book], [rowOf(1)], 3), [])
  t.strictSame(compareBooks([book], [rowOf(1), rowOf(2), rowOf(3)], 3), [])
})

t.test('each way to be wrong is told', async t => {
  const held = bookOf(['asked', 1], ['granted', 1])
  t.strictSame(compareBooks([held], [], 9), ['acknowledged and lost: k1'])
  t.strictSame(compareBooks([held], [{ ...rowOf(1), nonceLow: 2 }], 9), [
    'acknowledged under another token: k1',
  ])
  t.strictSame(compareBooks([held], [{ ...rowOf(1), client: 'two' }], 9), ['not resumable by one: k1'])
  t.strictSame(compareBooks([held], [rowOf(2, 'k1'), rowOf(1)], 9), ['counted twice: k1'])
  t.strictSame(compareBooks([held], [rowOf(1)], 0), ['over the limit of 0: 1'])
  const released = bookOf(['asked', 1], ['granted', 1], ['releasing', 1], ['released', 1])
  t.strictSame(compareBooks([released], [rowOf(1)], 9), ['released or never asked for: k1'])
  t.strictSame(compareBooks([bookOf(['asked', 1], ['denied', 1])], [rowOf(1)], 9).length, 1)
})

t.test('what a dead process left may be there, until it is said to be gone', async t => {
  const book = bookOf(['asked', 1], ['granted', 1])
  book.die()
  t.equal(book.inFlight, 0)
  t.strictSame(compareBooks([book], [], 9), [])
  t.strictSame(compareBooks([book], [rowOf(1)], 9), [])
  book.forget()
  t.strictSame(compareBooks([book], [rowOf(1)], 9), ['released or never asked for: k1'])
})

t.test('the most that were held at one instant, whatever the order in which books are read', async t => {
  const event = (process: string, deed: Deed, slot: number, at: bigint): Event => ({
    ...{ at, process, note: noteOf(deed, slot, at) },
  })
  const overlap = new Overlap()
  overlap.take([event('a', 'granted', 1, 1n), event('a', 'releasing', 1, 3n), event('b', 'granted', 1, 4n)])
  t.equal(overlap.most, 1)
  overlap.take([
    event('b', 'granted', 2, 6n),
    { at: 5n, process: 'b', note: null },
    event('a', 'granted', 2, 7n),
  ])
  t.equal(overlap.most, 2)
  overlap.take([event('a', 'granted', 3, 8n)])
  t.equal(overlap.most, 3)
})
