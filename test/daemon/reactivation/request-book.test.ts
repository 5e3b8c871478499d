import { randomUUID } from 'node:crypto'
import t from 'tap'
import {
  baseOf,
  earlierRequestIds,
  findPending,
  overtakenRequestIds,
  type PendingRequest,
  type RequestState,
  type Wish,
  wishOf,
  withPending,
  withState,
} from '../../../src/daemon/reactivation/request-book.ts'

const jkt = 'E3f-wSr4rfcjzBXQ8GJSlTGFj-RS6ZpT0vQorzujJLo'
const wish: Wish = {
  product: 'call-services',
  version: '5.1',
  installationId: 'c0ffee00-0000-4000-8000-000000000002',
  generation: 3,
  sessions: null,
  fingerprint: null,
  hostname: 'call-1',
  deactivationOf: null,
}

function requestFor(asks: Wish, state: RequestState = 'open'): PendingRequest {
  return { requestId: randomUUID(), text: 'a.b.c', wish: wishOf(asks, jkt), base: baseOf(asks), state }
}

t.test('the same wish is sent as the same request', async t => {
  const request = requestFor(wish)
  const book = withPending([], request)
  t.equal(findPending(book, { ...wish }, jkt), request)
  const { generation, product, ...rest } = wish
  t.equal(
    findPending(book, { ...rest, generation, product }, jkt),
    request,
    'the order of fields means nothing',
  )
})

t.test('another wish, another license in force or another key ask for a new request', async t => {
  const book = withPending([], requestFor(wish))
  for (const change of [{ sessions: 5 }, { version: '5.2' }, { generation: 4 }, { hostname: 'call-2' }]) {
    t.equal(findPending(book, { ...wish, ...change }, jkt), null, JSON.stringify(change))
  }
  t.equal(findPending(book, wish, 'another key'), null)
})

t.test('a new request names those that the same license in force has seen', async t => {
  const first = requestFor(wish)
  const second = requestFor({ ...wish, sessions: 5 })
  const book = withPending(withPending([], first), second)
  t.strictSame(earlierRequestIds(book, wish), [first.requestId, second.requestId])
  t.strictSame(earlierRequestIds(book, { ...wish, generation: 4 }), [])
  const next = requestFor({ ...wish, generation: 4 })
  t.strictSame(withPending(book, next), [next], 'a newer license settles them')
})

t.test(
  'a new request names those that a newer license has overtaken, until one that did is answered',
  async t => {
    const after = (generation: number, sessions: number | null = null): Wish => ({
      ...wish,
      generation,
      sessions,
    })
    const first = requestFor(after(3, 10))
    const answered = requestFor(after(3, 11))
    const later = requestFor(after(3, 12))
    const old = [first, answered, later]
    const named = (book: PendingRequest[], of: Wish, answeredId: string | null) =>
      overtakenRequestIds(book, of, answeredId)
    t.strictSame(named(old, after(3), null), [], 'those of the same license are no such')
    t.strictSame(
      named(old, after(4), answered.requestId),
      [later.requestId],
      'the answered one named the first',
    )
    t.strictSame(
      named(old, after(4), null),
      old.map(one => one.requestId),
      'where none of these was answered',
    )
    const lost = { ...requestFor(after(4)), overtaken: [later.requestId] }
    const book = withPending(old, lost)
    t.strictSame(book, [lost])
    t.strictSame(named(book, after(4, 5), answered.requestId), [later.requestId], 'its reply may be lost')
    t.strictSame(named(book, after(5), lost.requestId), [], 'it was answered, so the server knows')
    t.strictSame(named(book, after(6), 'by another way'), [later.requestId, lost.requestId])
    const many = Array.from({ length: 20 }, (_, sessions) => requestFor(after(3, sessions + 1)))
    t.equal(named(many, after(4), null).length, 16)
  },
)

t.test('only the newest is sent again: an older one may have been overtaken', async t => {
  const first = requestFor(wish)
  const second = requestFor({ ...wish, sessions: 5 })
  const book = withPending(withPending([], first), second)
  t.equal(findPending(book, wish, jkt), null)
  t.equal(
    findPending(withState(book, second.requestId, 'refused'), wish, jkt),
    first,
    'a refusal overtakes nothing',
  )
  t.equal(findPending(withState(book, second.requestId, 'spent'), wish, jkt), null)
})

t.test('what was refused, or brought a license that is none, is not sent again', async t => {
  const request = requestFor(wish)
  for (const state of ['refused', 'spent'] as const) {
    t.equal(findPending(withState([request], request.requestId, state), wish, jkt), null, state)
  }
})

t.test('sixteen are remembered; refused ones go first', async t => {
  const refused = requestFor({ ...wish, sessions: 100 }, 'refused')
  const first = requestFor({ ...wish, sessions: 1 })
  let book = [first, refused]
  for (let sessions = 2; sessions <= 15; sessions++)
    book = withPending(book, requestFor({ ...wish, sessions }))
  t.equal(book.length, 16)
  book = withPending(book, requestFor({ ...wish, sessions: 16 }))
  t.equal(book.length, 16)
  t.notOk(book.includes(refused))
  t.ok(book.includes(first))
  book = withPending(book, requestFor({ ...wish, sessions: 17 }))
  t.notOk(book.includes(first), 'then the oldest')
  t.equal(earlierRequestIds(book, wish).length, 16)
})
