import t from 'tap'
import { emptyList, NONE, SlotTable } from '../../src/session/slot-table.ts'

function changesOf(table: SlotTable): { put: number[]; removed: number[] } {
  const put: number[] = []
  const removed: number[] = []
  table.eachChange(
    slot => put.push(slot),
    slot => removed.push(slot),
  )
  return { put, removed }
}

t.test('slots are used again, last freed first', async t => {
  const table = new SlotTable()
  const list = emptyList()
  t.strictSame([table.take(list), table.take(list), table.take(list)], [0, 1, 2])
  table.free(0)
  table.free(2)
  t.equal(table.live, 1)
  t.strictSame([table.take(list), table.take(list), table.take(list)], [2, 0, 3])
})

t.test('a list keeps its slots in step, whichever leaves', async t => {
  const table = new SlotTable()
  const list = emptyList()
  const slots = [table.take(list), table.take(list), table.take(list), table.take(list)]
  const chain = () => {
    const found: number[] = []
    for (let slot = list.head; slot !== NONE; slot = table.next(slot)) found.push(slot)
    t.equal(found.length, list.size)
    return found
  }
  t.strictSame(chain(), [3, 2, 1, 0])
  table.free(slots[1]!)
  t.strictSame(chain(), [3, 2, 0])
  const other = emptyList()
  table.move(slots[3]!, other, false)
  t.strictSame(chain(), [2, 0])
  t.equal(table.listOf(slots[3]!), other)
  table.free(slots[0]!)
  t.strictSame(chain(), [2])
})

t.test('the journal hears of what changed, and of nothing twice', async t => {
  const table = new SlotTable()
  const list = emptyList()
  const [a, b] = [table.take(list), table.take(list)]
  table.free(table.take(list))
  t.strictSame(changesOf(table), { put: [a, b], removed: [] }, 'what came and went within a turn is no news')
  table.changesWritten()
  t.equal(table.hasChanges, false)
  table.move(a, emptyList(), false)
  t.equal(table.hasChanges, false)
  table.move(a, emptyList(), true)
  table.free(b)
  t.strictSame(changesOf(table), { put: [a], removed: [b] })
  table.journalReplaced()
  t.equal(table.hasChanges, false)
  table.free(a)
  t.strictSame(changesOf(table), { put: [], removed: [a] })
})

t.test('that a slot is of an earlier run stays known while it is held, whatever the journal is told', t => {
  const table = new SlotTable()
  table.expect({ end: 2, keyOf: slot => `key-${slot}` })
  for (const slot of [0, 1]) table.restore(slot, emptyList())
  table.move(0, emptyList(), true)
  t.strictSame([table.isEarlier(0), table.isRestored(0), table.isRestored(1)], [true, false, true])
  table.changesWritten()
  t.equal(table.isEarlier(0), true)
  table.journalReplaced()
  t.strictSame([table.isEarlier(0), table.isEarlier(1), table.isRestored(1)], [true, true, true])
  table.free(0)
  t.equal(table.isEarlier(0), false)
  t.end()
})

t.test('restored slots keep their places, and the gaps are used first', async t => {
  const table = new SlotTable()
  const list = emptyList()
  table.expect({ end: 5, keyOf: slot => `key-${slot}` })
  for (const slot of [4, 1]) table.restore(slot, list)
  table.rebuildFree()
  t.equal(table.live, 2)
  t.equal(table.hasChanges, false)
  t.strictSame(
    [...Array(7).keys()].map(slot => table.isLive(slot)),
    [false, true, false, false, true, false, false],
  )
  t.equal(table.isLive(-1), false)
  t.strictSame(
    [0, 1, 2, 3].map(() => table.take(list)),
    [0, 2, 3, 5],
  )
  table.free(1)
  t.match(changesOf(table).removed, [1], 'what was restored is in the journal')
})

t.test('a key of an earlier run is read when it is asked for, and once', async t => {
  const table = new SlotTable()
  const list = emptyList()
  const asked: number[] = []
  const keyOf = (slot: number) => {
    asked.push(slot)
    return `key-${slot}`
  }
  table.expect({ end: 3, keyOf })
  for (const slot of [0, 1, 2]) table.restore(slot, list)
  table.rebuildFree()
  t.strictSame([table.keyOf(1), table.keyOf(1), asked], ['key-1', 'key-1', [1]])
  table.journalReplaced()
  t.equal(table.keyOf(2), 'key-2', 'whatever the journal was told')
  table.free(0)
  table.setKey(table.take(list), 'new')
  t.strictSame([table.keyOf(0), table.keyOf(1), asked], ['new', 'key-1', [1, 2]])
})

t.test('it grows past its first size and loses nothing', async t => {
  const table = new SlotTable()
  const list = emptyList()
  for (let count = 0; count < 5000; count++) {
    const slot = table.take(list)
    table.grantedAt[slot] = count
    table.nonceHigh[slot] = count + 0.5
    table.nonceLow[slot] = -count
    table.client[slot] = count
    table.application[slot] = count
  }
  t.equal(table.end, 5000)
  for (const slot of [0, 1023, 1024, 4999]) {
    t.strictSame(
      [
        table.grantedAt[slot],
        table.nonceHigh[slot],
        table.nonceLow[slot],
        table.client[slot],
        table.application[slot],
      ],
      [slot, slot + 0.5, -slot, slot, slot],
    )
  }
})
