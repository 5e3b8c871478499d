import t from 'tap'
import { SessionCounter } from '../../src/session/counter.ts'
import type { ListedSession } from '../../src/session/listing.ts'

/** A counter with a limit that does not matter here, and nonces that never repeat. */
function counterOf(): SessionCounter {
  let nonce = 0
  return new SessionCounter({
    policy: {
      limit: 100,
      refusal: null,
      features: new Set(),
      applications: new Map(),
      maxSessionsPerClient: 100,
      maxApplications: 10,
      resumeWindowMs: 1000,
    },
    nonces: () => ++nonce,
    previousSigner: null,
  })
}

function attach(counter: SessionCounter, label: string | null) {
  const process = label === null ? null : { pid: 7, startTime: 1 }
  return counter.attach({ identity: label, label, process }, 0).client
}

const keys = (sessions: readonly ListedSession[]) => sessions.map(({ key }) => key)

t.test(
  'sessions are listed oldest first, by what is asked for, and counted beyond what is listed',
  async t => {
    const counter = counterOf()
    const [ann, bob] = [attach(counter, 'ann'), attach(counter, null)]
    const [ivr, fax] = [counter.applications.named('ivr')!, counter.applications.named('fax')!]
    // Not in the order of their slots.
    const grants = [
      [ann, ivr, 'c', 30],
      [bob, fax, 'a', 10],
      [ann, fax, 'd', 40],
      [bob, ivr, 'b', 20],
    ] as const
    for (const [client, application, key, at] of grants) counter.acquire(client, application, key, at)
    const list = (filter: Parameters<typeof counter.listing.list>[0], most = 10) => {
      const { total, sessions } = counter.listing.list(filter, most)
      return [total, keys(sessions)]
    }
    t.strictSame(list({}), [4, ['a', 'b', 'c', 'd']])
    t.strictSame(list({}, 2), [4, ['a', 'b']], 'the oldest of them')
    t.strictSame(list({ application: 'fax' }), [2, ['a', 'd']])
    t.strictSame(list({ client: 'ann' }), [2, ['c', 'd']])
    t.strictSame(list({ client: 'nobody' }), [0, []])
    t.strictSame(list({ grantedBefore: 20 }), [2, ['a', 'b']])
    counter.detach(ann, ann.attachment!, 100)
    t.strictSame(list({ orphaned: true }), [2, ['c', 'd']])
    t.strictSame(list({ orphaned: false, application: 'ivr' }), [1, ['b']])
    t.match(counter.listing.list({ orphaned: true }, 1).sessions, [
      {
        key: 'c',
        application: 'ivr',
        client: 'ann',
        process: { pid: 7 },
        grantedAt: 30,
        resumableUntil: 1100,
      },
    ])
  },
)

t.test('an id names one session and never another, and is no token', async t => {
  const counter = counterOf()
  const client = attach(counter, 'ann')
  const application = counter.applications.named('ivr')!
  const first = counter.acquire(client, application, 'one', 1)
  if (!first.granted) throw new Error('not granted')
  const [{ id } = { id: '' }] = counter.listing.list({}, 1).sessions
  t.match(id, /^0-[0-9a-f]{12}$/)
  t.notMatch(first.token, id)
  t.equal(counter.release(id), false)
  t.match(counter.listing.find(id), { key: 'one' })
  t.strictSame(counter.listing.ending(id), { client, token: first.token, key: 'one', cause: 'operator' })

  t.equal(counter.release(first.token, 'operator'), true)
  t.equal(counter.totals.ended.operator, 1)
  t.equal(counter.release(first.token), false, 'the holder releases it too, and it counts once')
  t.equal(counter.inUse, 0)
  const again = counter.acquire(client, application, 'two', 2)
  t.match(again, { granted: true, slot: 0 }, 'the slot is taken anew')
  t.equal(counter.listing.find(id), null)
  t.equal(counter.listing.ending(id), null)
  for (const wrong of ['', 'x', '0-', '00-000000000000', '99999-000000000000', '0-00000000000']) {
    t.equal(counter.listing.find(wrong), null, wrong)
  }
})

t.test('the oldest are found as a sort finds them, in whatever order they came', async t => {
  const counter = counterOf()
  const client = attach(counter, null)
  const application = counter.applications.named('ivr')!
  const times = Array.from({ length: 60 }, (_, index) => (index * 37) % 61)
  for (const at of times) counter.acquire(client, application, `k${at}`, at)
  const sorted = [...times].sort((a, b) => a - b)
  for (const most of [1, 7, 59, 60, 61]) {
    const { sessions } = counter.listing.list({}, most)
    t.strictSame(
      sessions.map(({ grantedAt }) => grantedAt),
      sorted.slice(0, most),
    )
  }
})
