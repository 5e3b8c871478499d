import t from 'tap'
import { type Client, type ClientRecord, ClientTable } from '../../src/session/client-table.ts'

const nobody = { identity: null, label: null, process: null }

function changesOf(table: ClientTable): string[] {
  const told: string[] = []
  table.eachChange({
    removeClient: index => told.push(`remove ${index}`),
    putClient: (client: ClientRecord) => told.push(`put ${client.index} ${client.identity}`),
  })
  table.changesWritten()
  return told
}

function withSession(table: ClientTable, client: Client): Client {
  client.sessions++
  table.touch(client)
  return client
}

t.test('a client is known by its identity; without one, by nothing', async t => {
  const table = new ClientTable()
  const ivr = table.add({ ...nobody, identity: 'ivr-7' })
  table.add(nobody)
  t.equal(table.withIdentity('ivr-7'), ivr)
  t.equal(table.withIdentity('ivr-8'), undefined)
  t.equal(table.withIdentity(null), undefined)
  t.equal(table.at(ivr.index), ivr)
  t.equal(table.count, 2)
})

t.test('no two connections have the same number', async t => {
  const table = new ClientTable()
  const client = table.add(nobody)
  t.not(table.attach(client), table.attach(client))
})

t.test('a client is forgotten when it is neither connected nor has sessions', async t => {
  const table = new ClientTable()
  const client = table.add({ ...nobody, identity: 'ivr-7' })
  table.attach(client)
  table.forgetIfGone(client)
  t.equal(table.count, 1)
  client.attachment = null
  client.sessions = 1
  table.forgetIfGone(client)
  t.equal(table.count, 1)
  client.sessions = 0
  table.forgetIfGone(client)
  table.forgetIfGone(client)
  t.equal(table.count, 0)
  t.equal(table.withIdentity('ivr-7'), undefined)
  t.strictSame([...table], [])
})

t.test(
  'where a damaged journal names one under two indexes, the end of the older is not that of the other',
  async t => {
    const table = new ClientTable()
    const known = { ...nobody, identity: 'ivr-7' }
    const older = table.restore({ ...known, index: 0 }, true)
    const newer = table.restore({ ...known, index: 1 }, true)
    table.rebuildFree()
    table.forgetIfGone(older)
    t.equal(table.withIdentity('ivr-7'), newer)
    table.forgetIfGone(newer)
    t.equal(table.withIdentity('ivr-7'), undefined)
  },
)

t.test('the journal has those that have sessions, or had some and are still connected', async t => {
  const table = new ClientTable()
  const ivr = table.add({ ...nobody, identity: 'ivr-7' })
  table.touch(ivr)
  t.strictSame(changesOf(table), [], 'nothing was granted to it yet')
  withSession(table, ivr)
  table.touch(ivr)
  t.strictSame(changesOf(table), ['put 0 ivr-7'])
  t.equal(table.hasChanges, false)
  ivr.sessions = 0
  table.touch(ivr)
  t.strictSame(changesOf(table), ['put 0 ivr-7'])
  table.forgetIfGone(ivr)
  t.strictSame(changesOf(table), ['remove 0'])
})

t.test('where an index is used again, the old client is removed before the new one is put', async t => {
  const table = new ClientTable()
  const old = withSession(table, table.add({ ...nobody, identity: 'old' }))
  changesOf(table)
  old.sessions = 0
  table.forgetIfGone(old)
  withSession(table, table.add({ ...nobody, identity: 'new' }))
  t.strictSame(changesOf(table), ['remove 0', 'put 0 new'])
})

t.test('restored clients keep their places, and the gaps are used first', async t => {
  const table = new ClientTable()
  table.restore({ ...nobody, index: 2, identity: 'ivr-7' }, false)
  t.equal(table.restoreNameless(0).identity, null)
  table.rebuildFree()
  t.equal(table.withIdentity('ivr-7')?.index, 2)
  t.strictSame([table.add(nobody).index, table.add(nobody).index], [1, 3])
})

t.test('whose process a journal names that may be behind is not known, and the journal is told', async t => {
  const process = { pid: 7, startTime: 9 }
  const told = (isBehind: boolean) => {
    const table = new ClientTable()
    const client = table.restore({ ...nobody, index: 0, identity: 'ivr-7', process }, isBehind)
    return { process: client.process, changes: changesOf(table) }
  }
  t.strictSame(told(false), { process, changes: [] })
  t.strictSame(told(true), { process: null, changes: ['put 0 ivr-7'] })
})

t.test('a journal that was written anew has just those with sessions', async t => {
  const table = new ClientTable()
  const ivr = withSession(table, table.add({ ...nobody, identity: 'ivr-7' }))
  const idle = table.add({ ...nobody, identity: 'idle' })
  table.touch(idle)
  table.journalReplaced()
  t.equal(table.hasChanges, false)
  table.forgetIfGone(idle)
  t.strictSame(changesOf(table), [])
  ivr.sessions = 0
  table.forgetIfGone(ivr)
  t.strictSame(changesOf(table), ['remove 0'])
})
