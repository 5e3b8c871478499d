import t from 'tap'
import { encodeFailure, encodeGranted, encodeRefused, encodeResult } from '../../src/protocol/messages.ts'
import { acquire, hold, stateOf } from './calling.ts'
import { Rig } from './rig.ts'

t.test('sessions are resumed after the connection was lost', async t => {
  const rig = new Rig().start()
  const session = await hold(rig, 'a')
  const { token } = session
  rig.break()
  t.equal(rig.daemon.counter.orphaned, 1)
  rig.pass(100)
  t.equal(rig.daemon.counter.orphaned, 0)
  t.equal(rig.daemon.counter.inUse, 1)
  t.match(session, { state: 'held', token })
  t.strictSame(rig.daemon.frames.slice(2), [['hello'], ['session.resume']])
  t.match(rig.events.connected, [{ resumed: 0 }, { resumed: 1, instanceId: 'run-1' }])
})

t.test('a restart of the daemon is nothing else', async t => {
  const rig = new Rig().start()
  const sessions = [await hold(rig, 'a'), await hold(rig, 'b')]
  rig.break()
  rig.daemon.restart()
  rig.pass(100)
  t.equal(rig.daemon.counter.inUse, 2)
  t.equal(rig.daemon.counter.orphaned, 0)
  for (const session of sessions) void session.release()
  rig.exchange()
  t.equal(rig.daemon.counter.inUse, 0)
})

t.test('an acquire whose answer was lost is the same session', async t => {
  for (const delivered of [true, false]) {
    const rig = new Rig().start()
    const outcome = rig.core.acquire('a', undefined, undefined, 0)
    rig.core.flush(0)
    if (delivered) rig.deliverToDaemon()
    t.equal(rig.daemon.counter.inUse, delivered ? 1 : 0)
    rig.break()
    rig.pass(100)
    t.match(await outcome, { granted: true })
    t.equal(rig.daemon.counter.inUse, 1)
    t.equal(rig.daemon.counter.orphaned, 0)
  }
})

t.test('a release is delivered', async t => {
  t.test('when it was asked for while the daemon was away', async t => {
    const rig = new Rig().start()
    const session = await hold(rig, 'a')
    rig.away = true
    rig.break()
    const released = session.release()
    rig.pass(60)
    t.equal(await stateOf(released), 'pending')
    t.equal(rig.daemon.counter.inUse, 1)
    rig.away = false
    rig.pass(300)
    t.equal(await released, true)
    t.equal(rig.daemon.counter.inUse, 0)
    t.notOk(rig.daemon.methods.includes('session.resume'), 'it need not be resumed')
  })

  t.test('when its answer was lost: it is repeated, and counts as ours', async t => {
    for (const delivered of [true, false]) {
      const rig = new Rig().start()
      const session = await hold(rig, 'a')
      const released = session.release()
      rig.core.flush(0)
      if (delivered) rig.deliverToDaemon()
      rig.break()
      rig.pass(100)
      t.equal(await released, true)
      t.equal(rig.daemon.counter.inUse, 0)
    }
  })

  t.test('too late: the window had passed', async t => {
    const rig = new Rig().start()
    const session = await hold(rig, 'a')
    rig.away = true
    rig.break()
    const released = session.release()
    rig.pass(5000)
    rig.away = false
    rig.pass(5000)
    t.equal(await released, false)
  })
})

t.test('a session that the daemon forgot is had again under its key', async t => {
  const rig = new Rig({ limit: 2 }).start()
  const session = await hold(rig, 'a')
  const { token } = session
  rig.break()
  rig.daemon.forget()
  const others = ['b', 'c'].map(key => rig.core.acquire(key, undefined, undefined, rig.now))
  rig.pass(100)
  t.equal(session.state, 'held')
  t.not(session.token, token)
  t.match(await others[0], { granted: true })
  t.match(await others[1], { granted: false }, 'a call that goes on comes before a new one')
  t.notOk(rig.events.sessionLost)
  t.equal(rig.core.sessions.get('a'), session)
  t.equal(await acquire(rig, 'a').then(outcome => outcome.granted && outcome.session), session)
  void session.release()
  rig.exchange()
  t.equal(rig.daemon.counter.inUse, 1)
})

t.test('a session that cannot be had again is lost, its call is not', async t => {
  const rig = new Rig().start()
  const session = await hold(rig, 'a')
  rig.break()
  rig.daemon.forget()
  rig.daemon.setLimit(0)
  rig.pass(100)
  t.equal(session.state, 'lost')
  t.match(rig.events.sessionLost, [{ session, reason: 'limit-reached', message: /in use/ }])
  const { length } = rig.sent
  t.equal(await session.release(), false)
  t.equal(rig.sent.length, length, 'there is nothing to give back')
  rig.daemon.setLimit(1)
  t.match(await acquire(rig, 'a'), { granted: true }, 'its key is free')
})

t.test('an error in place of the session is a loss too', async t => {
  const rig = new Rig().start()
  const session = await hold(rig, 'a')
  rig.break()
  rig.daemon.forget()
  rig.daemon.answer = ({ id, method }) =>
    method === 'session.acquire' ? encodeFailure(id ?? 0, 'internal-error', 'A fault.') : undefined
  rig.pass(100)
  t.match(rig.events.sessionLost, [{ session, reason: 'internal-error', message: 'A fault.' }])
  t.equal(session.state, 'lost')
})

t.test('a forgotten session may be released while it is asked for again', async t => {
  t.test('and the new grant is given back', async t => {
    const rig = new Rig().start()
    const session = await hold(rig, 'a')
    rig.break()
    rig.daemon.forget()
    rig.daemon.answer = call => {
      if (call.method === 'session.acquire') void session.release()
      return undefined
    }
    rig.pass(100)
    t.equal(session.state, 'released')
    t.equal(await session.release(), false)
    t.equal(rig.daemon.methods.at(-1), 'session.release')
    t.equal(rig.daemon.counter.inUse, 0)
  })

  t.test('and if a new call takes its key, that gets the grant', async t => {
    const rig = new Rig().start()
    const session = await hold(rig, 'a')
    rig.break()
    rig.daemon.forget()
    let next: Promise<unknown> | undefined
    rig.daemon.answer = call => {
      if (call.method === 'session.acquire' && next === undefined) {
        void session.release()
        next = rig.core.acquire('a', undefined, undefined, rig.now)
      }
      return undefined
    }
    rig.pass(100)
    t.match(await next, { granted: true, session: { state: 'held' } })
    t.equal(rig.daemon.counter.inUse, 1)
    t.equal(rig.core.sessions.size, 1)
  })

  t.test('and it is not asked for where that was not sent yet', async t => {
    const rig = new Rig().start()
    const session = await hold(rig, 'a')
    rig.break()
    rig.daemon.forget()
    rig.tick()
    // The reply to the resume is taken, what follows it is not sent yet.
    while (!rig.sent.some(frame => frame.includes('resume'))) rig.turn()
    rig.deliverToDaemon()
    rig.deliverToClient()
    t.equal(await session.release(), false)
    rig.pass(100)
    t.equal(rig.daemon.methods.filter(method => method === 'session.acquire').length, 1)
    t.equal(rig.daemon.counter.inUse, 0)
  })
})

t.test('a connection that is lost while a session is asked for again changes nothing', async t => {
  const rig = new Rig().start()
  const session = await hold(rig, 'a')
  rig.break()
  rig.daemon.forget()
  let times = 0
  rig.daemon.answer = call => {
    if (call.method === 'session.acquire' && ++times === 1) return null
    return undefined
  }
  rig.pass(100)
  rig.break()
  rig.pass(200)
  t.equal(session.state, 'held')
  t.equal(rig.daemon.counter.inUse, 1)
  t.equal(times, 2)
})

t.test('a session may get a new token', async t => {
  const rig = new Rig().start()
  const session = await hold(rig, 'a')
  const old = session.token
  rig.break()
  rig.daemon.answer = ({ id, method }) =>
    method === 'session.resume'
      ? encodeResult(id ?? 0, { resumed: 1, unknown: [], replaced: { [old]: 'new-token', other: 'x' } })
      : undefined
  rig.pass(100)
  t.match(session, { state: 'held', token: 'new-token' })
  rig.daemon.answer = undefined
  rig.break()
  rig.pass(100)
  t.ok(rig.sent.some(frame => frame.includes('"tokens":["new-token"]')))
})

t.test('tokens that were not asked about are not ours', async t => {
  const rig = new Rig().start()
  const session = await hold(rig, 'a')
  rig.break()
  rig.daemon.answer = ({ id, method }) =>
    method === 'session.resume'
      ? encodeResult(id ?? 0, { resumed: 1, unknown: ['whose'], replaced: {} })
      : undefined
  rig.pass(100)
  t.equal(session.state, 'held')
  t.notOk(rig.events.sessionLost)
})

t.test('many sessions are resumed in portions within the bounds', async t => {
  const rig = new Rig(
    { limit: 3000, maxFrameBytes: 20_000, maxBatchLength: 100 },
    { maxPending: 3000 },
  ).start()
  const outcomes = Array.from({ length: 2500 }, (_, index) =>
    rig.core.acquire(`call-${index}`, undefined, undefined, rig.now),
  )
  rig.exchange()
  await Promise.all(outcomes)
  const before = rig.sent.length
  rig.break()
  rig.daemon.restart()
  rig.pass(100)
  const resumes = rig.sent.slice(before).filter(frame => frame.includes('session.resume'))
  t.ok(resumes.length > 2, `${resumes.length} messages`)
  t.ok(resumes.every(frame => frame.length <= 20_000))
  t.equal(rig.daemon.counter.orphaned, 0)
  t.equal(rig.daemon.counter.inUse, 2500)
  t.match(rig.events.connected?.at(-1), { resumed: 2500 })
})

t.test('portions hold no more tokens than the protocol allows, however short they are', async t => {
  const rig = new Rig({ limit: 3000 }, { maxPending: 3000 }).start()
  const outcomes = Array.from({ length: 2500 }, (_, index) =>
    rig.core.acquire(`${index}`, undefined, undefined, 0),
  )
  rig.exchange()
  await Promise.all(outcomes)
  rig.break()
  rig.pass(100)
  const resumes = rig.sent.filter(frame => frame.includes('session.resume'))
  t.strictSame(
    resumes.map(frame => JSON.parse(frame).params.tokens.length),
    [1000, 1000, 500],
  )
})

t.test('no request overtakes the resumption', async t => {
  const rig = new Rig().start()
  await hold(rig, 'a')
  rig.break()
  rig.tick()
  while (!rig.sent.some(frame => frame.includes('resume'))) rig.turn()
  const outcome = rig.core.acquire('b', undefined, undefined, rig.now)
  rig.core.flush(rig.now)
  t.match(rig.sent.at(-1), /session.resume/)
  rig.exchange()
  t.match(await outcome, { granted: true })
})

t.test('a daemon that is stopping', async t => {
  t.test('refuses, and its successor is asked', async t => {
    const rig = new Rig().start()
    rig.daemon.counter.drain()
    const outcome = rig.core.acquire('a', undefined, undefined, rig.now)
    rig.exchange()
    t.equal(await stateOf(outcome), 'pending')
    const other = rig.core.acquire('b', undefined, undefined, rig.now)
    rig.exchange()
    t.equal(
      rig.daemon.methods.filter(method => method === 'session.acquire').length,
      1,
      'it is not asked more',
    )
    rig.daemon.restart()
    rig.break(1001)
    rig.pass(100)
    t.match(await outcome, { granted: true })
    t.match(await other, { granted: true })
  })

  t.test('and has no successor in time: then it was a refusal', async t => {
    const rig = new Rig().start()
    rig.daemon.counter.drain()
    const outcome = rig.core.acquire('a', undefined, undefined, rig.now)
    rig.pass(2000)
    t.match(await outcome, { granted: false, reason: 'draining', message: /stopping/, inUse: 0, limit: 10 })
  })

  t.test('is not asked for more once it has said so, but still takes releases', async t => {
    const rig = new Rig().start()
    const session = await hold(rig, 'a')
    rig.notify('draining', { closesInMs: 500 })
    t.strictSame(rig.events.draining, [{ closesInMs: 500 }])
    const outcome = rig.core.acquire('b', undefined, undefined, rig.now)
    const released = session.release()
    rig.exchange()
    t.equal(await released, true)
    t.equal(await stateOf(outcome), 'pending')
    rig.break(1001)
    rig.pass(100)
    t.match(await outcome, { granted: true })
  })

  t.test('need not be waited for by those who gave up', async t => {
    const rig = new Rig().start()
    const hangUp = new AbortController()
    rig.daemon.counter.drain()
    const outcome = rig.core.acquire('a', undefined, hangUp.signal, rig.now)
    rig.core.flush(rig.now)
    hangUp.abort()
    await t.rejects(outcome, { name: 'AbortError' })
    rig.exchange()
    rig.daemon.restart()
    rig.break(1001)
    rig.pass(100)
    t.equal(rig.daemon.methods.filter(method => method === 'session.acquire').length, 1)
  })

  t.test('does not make a forgotten session a lost one', async t => {
    const rig = new Rig().start()
    const session = await hold(rig, 'a')
    rig.break()
    rig.daemon.forget()
    rig.daemon.answer = ({ id, method }) =>
      method === 'session.acquire' ? encodeRefused(id ?? 0, 'draining', 0, 10) : undefined
    rig.pass(100)
    t.equal(session.state, 'held')
    rig.daemon.answer = undefined
    rig.break(1001)
    rig.pass(200)
    t.equal(session.state, 'held')
    t.equal(rig.daemon.counter.inUse, 1)
    t.notOk(rig.events.sessionLost)
  })
})

t.test('what the daemon tells becomes an event', async t => {
  const rig = new Rig().start()
  const session = await hold(rig, 'a')
  const { token } = session
  rig.notify('limit.changed', { limit: 5, inUse: 7 })
  rig.notify('license.changed', { state: 'grace', admits: true, message: 'It expired.' })
  rig.notify('session.ended', { token: 'of-another', key: 'a', cause: 'operator' })
  t.equal(session.state, 'held')
  rig.notify('session.ended', { token, key: 'a', cause: 'max-duration' })
  rig.core.received('{"jsonrpc":"2.0","method":"weather.changed","params":{}}', 0)
  t.strictSame(rig.events.limitChanged, [{ limit: 5, inUse: 7 }])
  t.match(rig.events.licenseChanged, [{ state: 'grace', admits: true }])
  t.match(rig.events.sessionEnded, [{ session, cause: 'max-duration' }])
  t.equal(rig.events.sessionEnded?.length, 1)
  t.equal(session.state, 'ended')
  t.equal(await session.release(), false)
  t.equal(rig.core.state, 'ready')
})

t.test(
  'a session with a signed token is ended by the daemon under the token without its signature',
  async t => {
    const rig = new Rig()
    rig.daemon.answer = call => {
      if (call.method !== 'session.acquire') return undefined
      return encodeGranted(call.id ?? 0, false, '0.AAAAAAAAAAAAAAAA.payload.mac', 1, 10)
    }
    rig.start()
    const session = await hold(rig, 'a')
    rig.notify('session.ended', { token: '0.AAAAAAAAAAAAAAA', key: 'a', cause: 'max-duration' })
    t.equal(session.state, 'held', 'that is another token')
    rig.notify('session.ended', { token: '0.AAAAAAAAAAAAAAAA', key: 'a', cause: 'max-duration' })
    t.equal(session.state, 'ended')
    t.equal(rig.core.sessions.size, 0)
  },
)
