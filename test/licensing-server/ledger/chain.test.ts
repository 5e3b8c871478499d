import fc from 'fast-check'
import t from 'tap'
import {
  chainStart,
  openEvent,
  readEvent,
  type SealedEvent,
  sealEvent,
} from '../../../src/licensing-server/ledger/chain.ts'
import { eventOf, poolStream } from '../../../src/licensing-server/ledger/events.ts'
import { act } from './setting.ts'

function chainOf(length: number): SealedEvent[] {
  const rows: SealedEvent[] = []
  for (let number = 1; number <= length; number++) {
    const event = eventOf(poolStream('p'), act, 'units-added', { units: number, total: number })
    rows.push(sealEvent(event, rows.at(-1) ?? chainStart))
  }
  return rows
}

function firstFlaw(rows: SealedEvent[]): string | null {
  let head = chainStart
  for (const row of rows) {
    const opened = openEvent(row, head)
    if (!opened.ok) return opened.why
    head = opened.head
  }
  return null
}

t.test('a chain as it was sealed is whole, and tells what happened', async t => {
  const rows = chainOf(5)
  t.equal(firstFlaw(rows), null)
  t.strictSame(
    rows.map(row => row.sequence),
    [1, 2, 3, 4, 5],
  )
  t.strictSame(readEvent(rows[4]!), {
    stream: 'pool/p',
    at: act.now,
    by: 'ada',
    type: 'units-added',
    data: { units: 5, total: 5 },
  })
})

t.test('any change of any byte is noticed', async () => {
  fc.assert(
    fc.property(fc.nat(4), fc.nat(1000), fc.constantFrom('body', 'hash'), (index, position, field) => {
      const rows = chainOf(5)
      const text = rows[index]![field as 'body']
      const at = position % text.length
      const changed = `${text.slice(0, at)}${text[at] === 'x' ? 'y' : 'x'}${text.slice(at + 1)}`
      rows[index] = { ...rows[index]!, [field]: changed }
      return firstFlaw(rows) === `event ${index + 1} was changed, or an event before it was`
    }),
  )
})

t.test('an event that is missing, doubled or moved is noticed', async t => {
  const rows = chainOf(5)
  t.equal(firstFlaw(rows.toSpliced(2, 1)), 'event 3 is missing: event 4 follows 2')
  t.equal(firstFlaw(rows.toSpliced(2, 0, rows[1]!)), 'event 3 is missing: event 2 follows 2')
  t.equal(firstFlaw(rows.slice(1)), 'event 1 is missing: event 2 follows 0')
  t.equal(
    firstFlaw(rows.with(1, { ...rows[1]!, stream: 'pool/q' })),
    'event 2 belongs to another place: pool/p 2',
  )
})
