import t from 'tap'
import { Fault } from '../../src/errors.ts'
import { encodeFailure } from '../../src/protocol/messages.ts'
import { acquire, hold, stateOf } from './calling.ts'
import { Rig } from './rig.ts'

t.test('a session is granted, and given back once', async t => {
  const rig = new Rig().start()
  const session = await hold(rig, 'call-1')
  t.match(session, { key: 'call-1', application: undefined, state: 'held' })
  t.equal(rig.daemon.counter.inUse, 1)
  t.equal(rig.core.sessions.get('call-1'), session)
  const first = session.release()
  const second = session.release()
  rig.exchange()
  t.equal(await first, true)
  t.equal(await second, false)
  t.equal(await session.release(), false)
  t.equal(session.state, 'released')
  t.equal(rig.daemon.counter.inUse, 0)
  t.equal(rig.core.sessions.size, 0)
  t.equal(rig.daemon.methods.filter(method => method === 'session.release').length, 1)
})

t.test('a refusal is an answer', async t => {
  const rig = new Rig({ limit: 1 }).start()
  await hold(rig, 'a')
  t.strictSame(await acquire(rig, 'b'), {
    granted: false,
    reason: 'limit-reached',
    message: 'All licensed sessions are in use.',
    inUse: 1,
    limit: 1,
  })
})

t.test('a reason that is newer than the library is passed on', async t => {
  const rig = new Rig().start()
  rig.daemon.answer = ({ id, method }) =>
    method === 'session.acquire'
      ? `{"jsonrpc":"2.0","id":${id},"result":{"granted":false,"reason":"moon-phase","inUse":1,"limit":2}}`
      : undefined
  t.match(await acquire(rig, 'a'), { granted: false, reason: 'moon-phase', message: /moon-phase/ })
})

t.test('the application of a call travels with it', async t => {
  const rig = new Rig().start()
  const outcome = rig.core.acquire('a', 'voicemail', undefined, rig.now)
  rig.exchange()
  t.match(await outcome, { granted: true, session: { application: 'voicemail' } })
  t.equal(rig.daemon.counter.applications.named('voicemail')?.inUse, 1)
})

t.test('requests that come before the connection wait for it', async t => {
  const rig = new Rig()
  const outcome = rig.core.acquire('a', undefined, undefined, 0)
  rig.start()
  t.match(await outcome, { granted: true })
})

t.test('the calls of a tick share frames within the bounds', async t => {
  const rig = new Rig({ limit: 100, maxBatchLength: 4 }).start()
  const outcomes = Array.from({ length: 10 }, (_, index) =>
    rig.core.acquire(`call-${index}`, undefined, undefined, rig.now),
  )
  rig.exchange()
  t.ok((await Promise.all(outcomes)).every(outcome => outcome.granted))
  t.strictSame(
    rig.daemon.frames.slice(1).map(frame => frame.length),
    [4, 4, 2],
  )
})

t.test('many calls of a tick leave in parts before it ends', async t => {
  const rig = new Rig({ limit: 100 }, { partLength: 4 }).start()
  const outcomes = Array.from({ length: 10 }, (_, index) =>
    rig.core.acquire(`call-${index}`, undefined, undefined, rig.now),
  )
  t.equal(rig.sent.length, 1 + 2, 'after hello')
  rig.exchange()
  const sessions = (await Promise.all(outcomes)).map(outcome => (outcome.granted ? outcome.session : null))
  const released = sessions.map(session => session?.release())
  const again = rig.core.acquire('call-0', undefined, undefined, rig.now)
  t.equal(rig.sent.length, 1 + 3 + 2)
  rig.exchange()
  t.ok((await Promise.all(released)).every(Boolean))
  t.match(await again, { granted: true })
  t.strictSame(
    rig.daemon.frames.slice(1).map(frame => frame.length),
    [4, 4, 2, 4, 4, 3],
  )
  t.equal(rig.daemon.counter.inUse, 1)
})

t.test('no part leaves before the held sessions are resumed', async t => {
  const rig = new Rig({ limit: 100 }, { partLength: 2 }).start()
  await hold(rig, 'held')
  rig.break()
  const outcomes = ['a', 'b', 'c'].map(key => rig.core.acquire(key, undefined, undefined, rig.now))
  rig.pass(1000)
  t.ok((await Promise.all(outcomes)).every(outcome => outcome.granted))
  t.strictSame(rig.daemon.methods.slice(2), ['hello', 'session.resume', ...Array(3).fill('session.acquire')])
})

t.test('frames stay within the allowed size', async t => {
  const rig = new Rig({ limit: 100, maxFrameBytes: 400 }, { maxPending: 1000 }).start()
  const outcomes = Array.from({ length: 30 }, (_, index) =>
    rig.core.acquire(`${'x'.repeat(index)}-${index}`, 'voicemail', undefined, rig.now),
  )
  rig.exchange()
  const sessions = (await Promise.all(outcomes)).map(outcome => (outcome.granted ? outcome.session : null))
  for (const session of sessions) void session?.release()
  rig.exchange()
  t.ok(rig.sent.slice(1).every(frame => frame.length <= 400))
  t.ok(rig.sent.length > 10)
  t.equal(rig.daemon.counter.inUse, 0)
  t.ok(rig.sent.some(frame => frame.length > 300))
})

t.test('what is given back makes room for what is asked for in the same tick', async t => {
  const rig = new Rig({ limit: 1 }).start()
  const session = await hold(rig, 'a')
  const next = rig.core.acquire('b', undefined, undefined, rig.now)
  const again = rig.core.acquire('c', undefined, undefined, rig.now)
  void session.release()
  rig.exchange()
  t.match(await next, { granted: true })
  t.match(await again, { granted: false })
})

t.test('the same key is the same session', async t => {
  t.test('while it is held', async t => {
    const rig = new Rig().start()
    const session = await hold(rig, 'a')
    const frames = rig.sent.length
    t.equal(await hold(rig, 'a'), session)
    t.equal(rig.sent.length, frames, 'nothing had to be asked')
  })

  t.test('while it is being asked for', async t => {
    const rig = new Rig().start()
    const [one, two] = [1, 2].map(() => rig.core.acquire('a', undefined, undefined, rig.now))
    rig.exchange()
    const outcome = await one
    t.ok(outcome?.granted)
    t.match(await two, { session: outcome?.granted ? outcome.session : 'granted' })
    t.equal(rig.daemon.methods.filter(method => method === 'session.acquire').length, 1)
  })

  t.test('and free again after its release', async t => {
    const rig = new Rig().start()
    const first = await hold(rig, 'a')
    void first.release()
    const second = await hold(rig, 'a')
    t.not(second, first)
    t.not(second.token, first.token)
    t.equal(rig.daemon.counter.inUse, 1)
  })
})

t.test('a caller may give up', async t => {
  t.test('before asking', async t => {
    const rig = new Rig().start()
    const reason = new Error('hung up')
    await t.rejects(rig.core.acquire('a', undefined, AbortSignal.abort(reason), 0), reason)
    rig.exchange()
    t.strictSame(rig.daemon.methods, ['hello'])
  })

  t.test('before it was sent: then it is not', async t => {
    const rig = new Rig()
    const hangUps = Array.from({ length: 5 }, () => new AbortController())
    const outcomes = hangUps.map(({ signal }, index) => rig.core.acquire(`${index}`, undefined, signal, 0))
    for (const [index, hangUp] of hangUps.entries()) if (index !== 2) hangUp.abort()
    rig.start()
    const results = await Promise.allSettled(outcomes)
    t.strictSame(
      results.map(result => result.status),
      ['rejected', 'rejected', 'fulfilled', 'rejected', 'rejected'],
    )
    t.strictSame(rig.daemon.methods, ['hello', 'session.acquire'])
    t.equal(rig.daemon.counter.inUse, 1)
  })

  t.test('after it was sent: then the grant is given back', async t => {
    const rig = new Rig().start()
    const hangUp = new AbortController()
    const outcome = rig.core.acquire('a', undefined, hangUp.signal, rig.now)
    rig.core.flush(rig.now)
    hangUp.abort()
    await t.rejects(outcome, { name: 'AbortError' })
    rig.exchange()
    t.strictSame(rig.daemon.methods, ['hello', 'session.acquire', 'session.release'])
    t.equal(rig.daemon.counter.inUse, 0)
  })

  t.test('after it was sent, and the reply is lost: then too', async t => {
    const rig = new Rig().start()
    const hangUp = new AbortController()
    const outcome = rig.core.acquire('a', undefined, hangUp.signal, rig.now)
    rig.core.flush(rig.now)
    rig.deliverToDaemon()
    hangUp.abort()
    await t.rejects(outcome)
    t.equal(rig.daemon.counter.inUse, 1)
    rig.break()
    rig.pass(100)
    t.equal(rig.daemon.counter.inUse, 0)
  })

  t.test('while another waits for the same key', async t => {
    const rig = new Rig().start()
    const hangUp = new AbortController()
    const one = rig.core.acquire('a', undefined, hangUp.signal, rig.now)
    rig.core.flush(rig.now)
    const two = rig.core.acquire('a', undefined, undefined, rig.now)
    hangUp.abort()
    await t.rejects(one)
    rig.exchange()
    t.match(await two, { granted: true, session: { state: 'held' } })
    t.equal(rig.daemon.counter.inUse, 1)
  })

  t.test('and another may come after all gave up', async t => {
    const rig = new Rig().start()
    const hangUp = new AbortController()
    const one = rig.core.acquire('a', undefined, hangUp.signal, rig.now)
    rig.core.flush(rig.now)
    hangUp.abort()
    await t.rejects(one)
    const two = rig.core.acquire('a', undefined, undefined, rig.now)
    rig.exchange()
    t.match(await two, { granted: true, session: { state: 'held' } })
    t.equal(rig.daemon.counter.inUse, 1)
  })

  t.test('when it is too late, nothing happens', async t => {
    const rig = new Rig().start()
    const hangUp = new AbortController()
    const outcome = rig.core.acquire('a', undefined, hangUp.signal, rig.now)
    rig.exchange()
    t.match(await outcome, { granted: true })
    hangUp.abort()
    rig.exchange()
    t.equal(rig.daemon.counter.inUse, 1)
  })
})

t.test('who waits is answered in time', async t => {
  t.test('while there is no daemon', async t => {
    const rig = new Rig()
    rig.away = true
    rig.start()
    rig.pass(300)
    const outcome = rig.core.acquire('a', undefined, undefined, rig.now)
    const query = rig.core.query('status.get', rig.now)
    rig.pass(1000)
    const late = rig.core.acquire('b', undefined, undefined, rig.now)
    rig.pass(999)
    t.equal(await stateOf(outcome), 'pending')
    const refused = t.rejects(outcome, {
      code: 'daemon-unreachable',
      retryable: true,
      message: /ECONNREFUSED/,
    })
    const unanswered = t.rejects(query, { code: 'daemon-unreachable' })
    rig.pass(1)
    await refused
    await unanswered
    t.equal(await stateOf(late), 'pending')
    const alsoRefused = t.rejects(late, { code: 'daemon-unreachable' })
    rig.pass(1000)
    await alsoRefused
    rig.away = false
    rig.pass(5000)
    t.strictSame(rig.daemon.methods, ['hello'], 'nothing is asked in vain')
  })

  t.test('before the first attempt had a result', async t => {
    const rig = new Rig()
    rig.mute = true
    rig.start()
    const refused = t.rejects(rig.core.acquire('a', undefined, undefined, 0), {
      code: 'daemon-unreachable',
      message: /not answered yet/,
    })
    rig.pass(2000)
    await refused
  })

  t.test('while the daemon is silent; a grant that comes later is given back', async t => {
    const rig = new Rig().start()
    rig.mute = true
    const refused = t.rejects(rig.core.acquire('a', undefined, undefined, 0), { code: 'daemon-unreachable' })
    rig.pass(2000)
    await refused
    rig.mute = false
    rig.pass(1)
    t.strictSame(rig.daemon.methods, ['hello', 'session.acquire', 'session.release'])
    t.equal(rig.daemon.counter.inUse, 0)
  })
})

t.test('errors that the daemon answers reach the caller under their own word', async t => {
  const rig = new Rig().start()
  rig.daemon.answer = ({ id }) => encodeFailure(id ?? 0, 'too-many-applications', 'There are too many.')
  await t.rejects(acquire(rig, 'a'), { code: 'too-many-applications', retryable: false })
  rig.daemon.answer = ({ id }) => encodeFailure(id ?? 0, 'internal-error', 'A fault.')
  const query = t.rejects(rig.core.query('license.get', rig.now), { code: 'internal-error', retryable: true })
  rig.exchange()
  await query
  rig.daemon.answer = undefined
  t.match(await acquire(rig, 'a'), { granted: true })
})

t.test('an error without a word is none of ours', async t => {
  const rig = new Rig().start()
  rig.daemon.answer = ({ id }) => `{"jsonrpc":"2.0","id":${id},"error":{"code":-32000}}`
  await t.rejects(acquire(rig, 'a'), { code: 'protocol-error' })
})

t.test('a release that meets an error is told as a fault, and not thrown', async t => {
  const rig = new Rig().start()
  const session = await hold(rig, 'a')
  rig.daemon.answer = ({ id }) => encodeFailure(id ?? 0, 'internal-error', 'A fault.')
  const released = session.release()
  rig.exchange()
  t.equal(await released, false)
  t.match(rig.events.fault, [{ code: 'internal-error' }])
})

t.test('queries', async t => {
  const rig = new Rig().start()
  const status = rig.core.query('status.get', rig.now)
  const license = rig.core.query('license.get', rig.now)
  rig.exchange()
  t.match(await status, { method: 'status.get' })
  t.match(await license, { method: 'license.get' })
  const lost = rig.core.query('status.get', rig.now)
  rig.core.flush(rig.now)
  rig.break()
  rig.pass(100)
  t.match(await lost, { method: 'status.get' }, 'asked again after the connection was lost')
})

t.test('an answer to a query that nobody waits for any more is let go', async t => {
  const rig = new Rig().start()
  rig.mute = true
  const refused = t.rejects(rig.core.query('status.get', rig.now), { code: 'daemon-unreachable' })
  rig.pass(2000)
  await refused
  rig.mute = false
  rig.pass(1)
  t.match(await acquire(rig, 'a'), { granted: true })
})

t.test('the number of those who wait is bounded', async t => {
  const rig = new Rig({}, { maxPending: 3 })
  rig.away = true
  rig.start()
  const waiting = ['a', 'b', 'c'].map(key => rig.core.acquire(key, undefined, undefined, 0))
  await t.rejects(rig.core.acquire('d', undefined, undefined, 0), {
    code: 'too-many-pending',
    retryable: true,
  })
  await t.rejects(rig.core.query('status.get', 0), { code: 'too-many-pending' })
  waiting.push(...[1, 2].map(() => rig.core.acquire('a', undefined, undefined, 0)))
  await t.rejects(rig.core.acquire('a', undefined, undefined, 0), Fault, 'callers for one key too')
  rig.away = false
  rig.pass(2000)
  t.ok((await Promise.all(waiting)).every(outcome => outcome.granted))
  t.match(await acquire(rig, 'd'), { granted: true })
})

t.test('those who gave up do not count', async t => {
  const rig = new Rig({}, { maxPending: 3 })
  rig.away = true
  rig.start()
  for (let round = 0; round < 10; round++) {
    const hangUp = new AbortController()
    const outcome = rig.core.acquire(`${round}`, undefined, hangUp.signal, 0)
    hangUp.abort()
    await t.rejects(outcome, { name: 'AbortError' })
  }
})
