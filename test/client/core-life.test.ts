import t from 'tap'
import { Fault } from '../../src/errors.ts'
import { CLOSE } from '../../src/protocol/codes.ts'
import { encodeFailure, encodeResult } from '../../src/protocol/messages.ts'
import { acquire, hold, stateOf } from './calling.ts'
import { CORE_OPTIONS, Rig } from './rig.ts'

t.test('it connects once, greets and tells', async t => {
  const rig = new Rig().start()
  rig.core.start(0)
  t.equal(rig.connects, 1)
  t.strictSame(JSON.parse(rig.sent[0] ?? ''), {
    jsonrpc: '2.0',
    id: 1,
    method: 'hello',
    params: JSON.parse(CORE_OPTIONS.hello),
  })
  t.strictSame(rig.events.connected, [
    { instanceId: 'run-1', version: '0.0.0', limit: 10, inUse: 0, resumed: 0, resumeWindowMs: 1000 },
  ])
})

t.test('a loss is told once, a return too', async t => {
  const rig = new Rig().start()
  rig.away = true
  rig.break(4001, 'slow reader')
  rig.pass(3000)
  t.ok(rig.connects > 4)
  t.match(rig.events.disconnected, [
    { code: 4001, retryInMs: 25, fault: { code: 'daemon-unreachable', message: /here .*slow reader/ } },
  ])
  t.equal(rig.events.disconnected?.length, 1)
  rig.away = false
  rig.pass(5000)
  t.equal(rig.events.connected?.length, 2)
  rig.break(4000)
  t.match(rig.events.disconnected?.at(-1), { fault: { message: /code 4000/ } })
})

t.test('the first failure is told, those after it are not', async t => {
  const rig = new Rig()
  rig.away = true
  rig.start()
  rig.pass(1000)
  t.equal(rig.events.disconnected?.length, 1)
  t.match(rig.events.disconnected, [{ code: 1006, fault: { message: /ECONNREFUSED/ } }])
})

t.test('a connection of which nothing is heard is given up', async t => {
  t.test('in the handshake', async t => {
    const rig = new Rig()
    rig.mute = true
    rig.start()
    rig.pass(4999)
    t.strictSame(rig.left, [])
    rig.pass(1)
    t.strictSame(rig.left, [undefined])
    rig.mute = false
    rig.pass(100)
    t.equal(rig.core.state, 'ready')
  })

  t.test('while it is quiet', async t => {
    const rig = new Rig().start()
    rig.mute = true
    rig.pass(9_999)
    t.equal(rig.pings, 0)
    rig.pass(1)
    t.equal(rig.pings, 1)
    rig.pass(4999)
    t.strictSame(rig.left, [])
    rig.pass(1)
    t.strictSame(rig.left, [undefined])
    t.match(rig.events.disconnected, [{ code: 1006, fault: { message: /does not answer/ } }])
  })

  t.test('while an answer is due; the answer then comes over another', async t => {
    const rig = new Rig({}, { acquireTimeoutMs: 60_000 }).start()
    rig.mute = true
    const outcome = rig.core.acquire('a', undefined, undefined, 0)
    rig.pass(5000)
    t.strictSame(rig.left, [undefined])
    rig.mute = false
    rig.pass(100)
    t.match(await outcome, { granted: true })
  })

  t.test('but not where it gives a sign of life', async t => {
    const rig = new Rig().start()
    for (let round = 0; round < 5; round++) {
      rig.pass(10_000)
      t.equal(rig.pings, round + 1)
    }
    t.strictSame(rig.left, [])
  })
})

t.test('what is not the protocol ends the connection, and is the fault of those who wait', async t => {
  const cases: [string, (id: unknown, method: string) => string | undefined][] = [
    ['not JSON', () => 'hello?'],
    ['no object', () => '[1]'],
    ['null', () => 'null'],
    ['another id', () => '{"jsonrpc":"2.0","id":77,"result":{}}'],
    ['an error for the whole frame', () => encodeFailure(null, 'batch-too-long', 'The batch is too long.')],
    ['an empty notification', () => '{"jsonrpc":"2.0","method":"draining"}'],
    ['no decision', id => encodeResult(id as number, {})],
    ['no result', id => `{"jsonrpc":"2.0","id":${id}}`],
  ]
  for (const [name, reply] of cases) {
    const rig = new Rig().start()
    rig.daemon.answer = ({ id, method }) => (method === 'hello' ? undefined : reply(id, method))
    const outcome = rig.core.acquire('a', undefined, undefined, 0)
    const refused = t.rejects(outcome, { code: 'protocol-error', message: /^What answers at here/ }, name)
    rig.exchange()
    t.strictSame(rig.left, [1002], name)
    rig.pass(2000)
    await refused
  }
})

t.test('and so does every malformed result', async t => {
  const cases: Record<string, (rig: Rig) => Promise<unknown>> = {
    'session.release': async rig => {
      const session = await hold(rig, 'a')
      void session.release()
    },
    'session.resume': async rig => {
      await hold(rig, 'a')
      rig.break()
      rig.pass(25)
    },
    'status.get': async rig => rig.core.query('status.get', rig.now).catch(() => {}),
    hello: async rig => {
      rig.break()
      rig.pass(25)
    },
  }
  for (const [method, act] of Object.entries(cases)) {
    const rig = new Rig().start()
    rig.daemon.answer = call =>
      call.method === method ? `{"jsonrpc":"2.0","id":${call.id},"result":null}` : undefined
    const acted = act(rig)
    await new Promise(resolve => setImmediate(resolve))
    rig.exchange()
    t.equal(rig.left[0], 1002, method)
    rig.daemon.answer = undefined
    rig.pass(3000)
    await acted
    t.equal(rig.core.state, 'ready', `${method}: it came back`)
  }
})

t.test('a handshake that meets an error is tried again', async t => {
  for (const method of ['hello', 'session.resume']) {
    const rig = new Rig().start()
    await hold(rig, 'a')
    rig.break()
    rig.daemon.answer = call =>
      call.method === method ? encodeFailure(call.id ?? 0, 'internal-error', 'A fault.') : undefined
    rig.pass(60)
    t.strictSame(rig.left.slice(0, 1), [1002], method)
    rig.daemon.answer = undefined
    rig.pass(900)
    t.equal(rig.core.state, 'ready')
    t.equal(rig.daemon.counter.inUse, 1)
  }
})

t.test('what ends a client', async t => {
  const endings: [string, string, (rig: Rig) => void][] = [
    ['a newer connection of its identity', 'superseded', rig => rig.break(CLOSE.superseded)],
    ['no token in time', 'unauthenticated', rig => rig.break(CLOSE.unauthenticated)],
    ['a code that says that it does wrong', 'protocol-error', rig => rig.break(1009)],
    [
      'a refusal that is final',
      'unauthenticated',
      rig => {
        rig.break()
        rig.tick()
        rig.reject(new Fault('unauthenticated', 'No.'), false)
      },
    ],
    [
      'a wrong token in hello',
      'unauthenticated',
      rig => {
        rig.daemon.answer = ({ id, method }) =>
          method === 'hello' ? encodeFailure(id ?? 0, 'unauthenticated', 'Wrong token.') : undefined
        rig.break()
        rig.pass(25)
      },
    ],
  ]
  for (const [name, code, end] of endings) {
    t.test(name, async t => {
      const rig = new Rig().start()
      const session = await hold(rig, 'a')
      const releasing = await hold(rig, 'b')
      const waiting = t.rejects(rig.core.acquire('c', undefined, undefined, 0), { code })
      const asking = t.rejects(rig.core.query('status.get', 0), { code })
      const released = releasing.release()
      end(rig)
      await waiting
      await asking
      t.equal(await released, false)
      t.equal(rig.core.state, 'ended')
      t.match(rig.events.disconnected?.at(-1), { retryInMs: null, fault: { code } })
      const { connects } = rig
      rig.pass(60_000)
      t.equal(rig.connects, connects, 'it does not come back')
      await t.rejects(rig.core.acquire('d', undefined, undefined, 0), { code })
      await t.rejects(rig.core.query('license.get', 0), { code })
      t.equal(session.state, 'held', 'nobody said that the call is over')
      t.equal(await session.release(), false)
      await rig.core.close(false, rig.now)
      await t.rejects(rig.core.acquire('d', undefined, undefined, 0), { code: 'client-closed' })
    })
  }
})

t.test('a refusal that may pass is tried again', async t => {
  const rig = new Rig()
  rig.core.start(0)
  rig.reject(new Fault('unauthenticated', 'Not yet.', { retryable: true }), true)
  const refused = t.rejects(rig.core.acquire('a', undefined, undefined, 0), { message: 'Not yet.' })
  rig.mute = true
  rig.pass(2000)
  await refused
  rig.mute = false
  rig.pass(10_000)
  t.equal(rig.core.state, 'ready')
})

t.test('closing', async t => {
  t.test('gives everything back first', async t => {
    const rig = new Rig().start()
    const sessions = [await hold(rig, 'a'), await hold(rig, 'b')]
    const closed = rig.core.close(false, rig.now)
    t.equal(rig.core.close(true, rig.now), closed, 'once')
    t.equal(await stateOf(closed), 'pending')
    await t.rejects(rig.core.acquire('c', undefined, undefined, 0), { code: 'client-closed' })
    rig.exchange()
    await closed
    t.equal(rig.daemon.counter.inUse, 0)
    t.strictSame(rig.left, [1000])
    t.ok(sessions.every(session => session.state === 'released'))
    t.equal(rig.events.disconnected, undefined, 'it is not a loss')
    t.equal(rig.wake, Number.POSITIVE_INFINITY, 'no timer is left')
  })

  t.test('may leave the sessions to another', async t => {
    const rig = new Rig().start()
    const session = await hold(rig, 'a')
    await rig.core.close(true, rig.now)
    t.equal(rig.daemon.counter.inUse, 1)
    t.equal(rig.daemon.counter.orphaned, 1)
    const heir = rig.daemon.connect()
    heir.receive(
      `{"jsonrpc":"2.0","id":1,"method":"session.resume","params":{"tokens":["${session.token}"]}}`,
    )
    t.equal(rig.daemon.counter.orphaned, 0)
  })

  t.test('fails those who wait, and gives back what they are granted', async t => {
    const rig = new Rig().start()
    const waiting = t.rejects(rig.core.acquire('a', undefined, undefined, 0), { code: 'client-closed' })
    rig.core.flush(0)
    rig.deliverToDaemon()
    const asking = t.rejects(rig.core.query('status.get', 0), { code: 'client-closed' })
    const closed = rig.core.close(false, rig.now)
    await waiting
    await asking
    t.equal(rig.daemon.counter.inUse, 1)
    rig.exchange()
    await closed
    t.equal(rig.daemon.counter.inUse, 0)
  })

  t.test('is over at once where there is nothing to deliver', async t => {
    const idle = new Rig()
    await idle.core.close(false, 0)
    t.equal(idle.core.state, 'ended')
    idle.core.start(0)
    t.equal(idle.connects, 0)
    const away = new Rig()
    away.away = true
    away.start()
    const waiting = t.rejects(away.core.acquire('a', undefined, undefined, 0), { code: 'client-closed' })
    await away.core.close(false, 0)
    await waiting
    t.equal(away.core.state, 'ended')
  })

  t.test('delivers what is left to a daemon that comes back', async t => {
    const rig = new Rig().start()
    await hold(rig, 'a')
    rig.away = true
    rig.break()
    const closed = rig.core.close(false, rig.now)
    rig.pass(50)
    rig.away = false
    rig.pass(500)
    await closed
    t.equal(rig.daemon.counter.inUse, 0)
    t.equal(rig.core.state, 'ended')
  })

  t.test('does not wait for ever', async t => {
    const rig = new Rig().start()
    const session = await hold(rig, 'a')
    rig.mute = true
    const released = session.release()
    const closed = rig.core.close(false, rig.now)
    rig.pass(1999)
    t.equal(await stateOf(closed), 'pending')
    rig.pass(1)
    await closed
    t.equal(await released, false)
    t.equal(rig.core.state, 'ended')
  })

  t.test('is over where all that was left was lost with the connection', async t => {
    const rig = new Rig().start()
    rig.mute = true
    const query = t.rejects(rig.core.query('status.get', 0), { code: 'client-closed' })
    rig.core.flush(0)
    const waiting = t.rejects(rig.core.acquire('a', undefined, undefined, 0), { code: 'client-closed' })
    const closed = rig.core.close(false, rig.now)
    await query
    await waiting
    await closed
    t.equal(rig.core.state, 'ended')
  })
})

t.test('an answer that comes after the end of its connection is none', async t => {
  const rig = new Rig().start()
  const outcome = await acquire(rig, 'a')
  t.ok(outcome.granted)
  rig.break(CLOSE.superseded)
  rig.core.tick(rig.now)
  rig.core.flush(rig.now)
  t.equal(rig.core.state, 'ended')
})

t.test('its own connection before, heard late, does not end a client', async t => {
  const rig = new Rig().start()
  await hold(rig, 'a')
  rig.mute = true
  rig.pass(CORE_OPTIONS.pingIntervalMs + CORE_OPTIONS.silenceTimeoutMs)
  t.same(rig.left, [undefined], 'the silent connection is given up')
  rig.mute = false
  rig.pass(900)
  t.equal(rig.core.state, 'ready')
  rig.break(CLOSE.superseded)
  t.equal(rig.core.state, 'waiting', 'it comes back')
  rig.pass(900)
  t.equal(rig.core.state, 'ready')
  t.equal(rig.daemon.counter.inUse, 1)
  rig.pass(CORE_OPTIONS.handshakeTimeoutMs)
  rig.break(CLOSE.superseded)
  t.equal(rig.core.state, 'ended', 'by then it is another process')
})

t.test('a connection that was never open is heard by nobody', async t => {
  const rig = new Rig()
  rig.mute = true
  rig.start()
  rig.pass(CORE_OPTIONS.handshakeTimeoutMs)
  t.same(rig.left, [undefined], 'it is given up')
  rig.mute = false
  rig.pass(900)
  t.equal(rig.core.state, 'ready')
  rig.break(CLOSE.superseded)
  t.equal(rig.core.state, 'ended')
})
