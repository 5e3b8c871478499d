import t from 'tap'
import { Holdings } from '../../src/session/holdings.ts'
import { earlierOf } from '../support/earlier-sessions.ts'
import { policyOf, randomNonce } from './setting.ts'

function setting() {
  const holdings = new Holdings(policyOf(), randomNonce)
  const client = holdings.clients.add({ identity: 'ivr-7', label: null, process: null })
  holdings.clients.attach(client)
  return { holdings, client, application: holdings.applications.named('ivr')! }
}

t.test('a held session is found by its token alone', async t => {
  const { holdings, client, application } = setting()
  const slot = holdings.take(client, application, 'a', 5)
  const token = holdings.tokenOf(slot)
  t.equal(holdings.find(token), slot)
  t.equal(holdings.clientOf(slot), client)
  t.equal(holdings.keyOf(slot), 'a')
  t.equal(holdings.slotOf(client, 'a'), slot)
  holdings.end(slot)
  t.equal(holdings.find(token), -1)
  t.equal(client.sessions + application.inUse + holdings.inUse + (client.byKey?.size ?? 1), 0)
})

t.test('a session that is resumed by its holder stays as it is', async t => {
  const { holdings, client, application } = setting()
  const slot = holdings.take(client, application, 'a', 5)
  holdings.changesWritten()
  holdings.resume(client, slot)
  t.equal(holdings.hasChanges, false)
  t.equal(client.held.size, 1)
})

t.test('each end of a connection leaves its own cohort, and the last session out closes it', async t => {
  const { holdings, client, application } = setting()
  holdings.orphan(client, 100)
  t.equal(holdings.cohorts.size, 0, 'no session, no cohort')
  const [a, b] = [holdings.take(client, application, 'a', 5), holdings.take(client, application, 'b', 5)]
  holdings.orphan(client, 200)
  const c = holdings.take(client, application, 'c', 5)
  holdings.orphan(client, 300)
  t.strictSame(
    [...holdings.cohorts].map(({ size, deadline }) => [size, deadline]),
    [
      [2, 200],
      [1, 300],
    ],
  )
  holdings.resume(client, a)
  holdings.end(b)
  t.strictSame(
    [...holdings.cohorts].map(({ size, deadline }) => [size, deadline]),
    [[1, 300]],
  )
  holdings.end(c)
  t.equal(holdings.cohorts.size + client.cohorts.size + holdings.orphaned, 0)
})

t.test('where two sessions of a client have one key, it names the first, and each ends alone', async t => {
  const { holdings, client, application } = setting()
  const other = holdings.clients.add({ identity: null, label: null, process: null })
  holdings.clients.attach(other)
  const own = holdings.take(client, application, 'a', 5)
  const taken = holdings.take(other, application, 'a', 5)
  holdings.resume(client, taken)
  t.equal(holdings.slotOf(client, 'a'), own)
  holdings.end(taken)
  t.equal(holdings.slotOf(client, 'a'), own)
  holdings.resume(other, own)
  t.equal(holdings.slotOf(client, 'a'), undefined)
  t.equal(holdings.slotOf(other, 'a'), own)
})

t.test('where the first of two sessions with one key ends, the key is the other’s', async t => {
  const { holdings, client, application } = setting()
  const first = holdings.take(client, application, 'a', 5)
  const second = holdings.take(client, application, 'a', 9)
  holdings.take(client, application, 'b', 9)
  holdings.end(first)
  t.equal(holdings.slotOf(client, 'a'), second)
  holdings.end(second)
  t.equal(holdings.slotOf(client, 'a'), undefined)
})

t.test(
  'the older of two is the first also where keys are read later, and both are found in turn',
  async t => {
    const holdings = new Holdings(policyOf(), randomNonce)
    const clients = [{ index: 0, identity: 'ivr-7', label: null, process: null }]
    const restored = {
      ...{ slot: 1, client: 0, application: 'ivr', key: 'a' },
      ...{ nonceHigh: 1, nonceLow: 2, grantedAt: 5 },
    }
    holdings.restore(clients, earlierOf([restored]), 100, false)
    const client = holdings.clients.withIdentity('ivr-7')!
    holdings.clients.attach(client)
    // One that a crash took from the journal, and that its token brought back.
    const adopted = holdings.take(client, holdings.applications.named('ivr')!, 'a', 9, 0)
    t.equal(holdings.slotOf(client, 'a'), 1)
    holdings.end(adopted)
    t.equal(holdings.slotOf(client, 'a'), 1)
    const again = holdings.take(client, holdings.applications.named('ivr')!, 'a', 9, 0)
    holdings.end(1)
    t.equal(holdings.slotOf(client, 'a'), again)
  },
)
