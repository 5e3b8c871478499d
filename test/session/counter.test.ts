import t from 'tap'
import { signToken } from '../../src/session/signed-token.ts'
import { applicationPolicyOf, Daemon, WINDOW_MS } from './setting.ts'

t.test('Law 1: never more than the limit are granted', async t => {
  t.test('the eleventh of ten waits for a release', async t => {
    const daemon = new Daemon({ limit: 10 })
    const client = daemon.connect()
    const tokens = Array.from({ length: 10 }, (_, call) => daemon.grant(client, `call-${call}`))
    t.match(daemon.acquire(client, 'call-10'), {
      granted: false,
      reason: 'limit-reached',
      inUse: 10,
      limit: 10,
    })
    daemon.counter.release(tokens[3]!)
    t.match(daemon.acquire(client, 'call-10'), { granted: true, repeated: false, inUse: 10, limit: 10 })
  })

  t.test('orphaned sessions count, also after kill -9', async t => {
    const daemon = new Daemon({ limit: 2 })
    const client = daemon.connect()
    daemon.grant(client, 'a')
    daemon.grant(client, 'b')
    daemon.commit()
    daemon.disconnect(client)
    t.equal(daemon.refusal(daemon.connect(), 'c'), 'limit-reached')
    daemon.crash()
    t.equal(daemon.refusal(daemon.connect(), 'c'), 'limit-reached')
  })

  t.test('a retry with the same key is the same session and counts nothing', async t => {
    const daemon = new Daemon({ limit: 1 })
    const client = daemon.connect()
    const token = daemon.grant(client, 'a')
    t.match(daemon.acquire(client, 'a'), { granted: true, repeated: true, token, inUse: 1 })
    t.equal(daemon.counter.totals.granted, 1)
  })

  t.test("another client's key is another session", async t => {
    const daemon = new Daemon({ limit: 2 })
    const token = daemon.grant(daemon.connect('one'), 'a')
    t.not(daemon.grant(daemon.connect('other'), 'a'), token)
    t.equal(daemon.counter.inUse, 2)
  })
})

t.test('Law 2: what was granted runs until it is released', async t => {
  t.test('a smaller limit refuses new sessions until enough were released', async t => {
    const daemon = new Daemon({ limit: 3 })
    const client = daemon.connect()
    const [a, b] = [daemon.grant(client, 'a'), daemon.grant(client, 'b'), daemon.grant(client, 'c')]
    daemon.change({ limit: 2 })
    t.equal(daemon.counter.inUse, 3)
    t.match(daemon.acquire(client, 'd'), { granted: false, reason: 'limit-reached', inUse: 3, limit: 2 })
    t.match(daemon.acquire(client, 'a'), { granted: true, repeated: true, token: a })
    daemon.counter.release(a)
    t.equal(daemon.refusal(client, 'd'), 'limit-reached')
    daemon.counter.release(b)
    t.equal(daemon.refusal(client, 'd'), null)
  })

  t.test('an expired license, and draining, refuse new sessions only', async t => {
    const daemon = new Daemon()
    const client = daemon.connect()
    const token = daemon.grant(client, 'a')
    daemon.change({ refusal: 'license-expired' })
    t.equal(daemon.refusal(client, 'b'), 'license-expired')
    daemon.counter.drain()
    t.equal(daemon.counter.draining, true)
    t.equal(daemon.refusal(client, 'b'), 'draining')
    t.match(daemon.acquire(client, 'a'), { granted: true, repeated: true, token })
    t.match(daemon.resume(daemon.connect(), token), { resumed: 1 })
  })
})

t.test('Law 3: what was acknowledged is never lost', async t => {
  t.test('after kill -9 its holder resumes it, by token or by identity', async t => {
    const daemon = new Daemon()
    const client = daemon.connect('ivr-7')
    const [a] = [daemon.grant(client, 'a'), daemon.grant(client, 'b'), daemon.grant(client, 'c')]
    daemon.commit()
    daemon.crash()
    t.equal(daemon.counter.inUse, 3)
    t.equal(daemon.counter.orphaned, 3)
    t.equal(daemon.counter.totals.peak, 3)
    t.match(daemon.resume(daemon.connect(), a, '1f.0000000000000000'), {
      resumed: 1,
      unknown: ['1f.0000000000000000'],
    })
    const back = daemon.connect('ivr-7')
    t.equal(daemon.counter.resumable(back), 2)
    t.match(daemon.counter.resumeAll(back), { resumed: 2, unknown: [], replaced: {} })
    t.equal(daemon.counter.orphaned, 0)
  })

  t.test('after a lost reply the key gives the session that was journalled', async t => {
    const daemon = new Daemon()
    const token = daemon.grant(daemon.connect('ivr-7'), 'a')
    daemon.commit()
    daemon.crash()
    t.match(daemon.acquire(daemon.connect('ivr-7'), 'a'), { granted: true, repeated: true, token, inUse: 1 })
    t.equal(daemon.counter.orphaned, 0)
  })

  t.test('what was not committed was not acknowledged, and is not counted', async t => {
    const daemon = new Daemon()
    daemon.commit()
    const token = daemon.grant(daemon.connect(), 'a')
    daemon.crash()
    t.equal(daemon.counter.inUse, 0)
    t.match(daemon.resume(daemon.connect(), token), { resumed: 0, unknown: [token] })
  })

  t.test('a session whose client a damaged journal lost is counted, and its token resumes it', async t => {
    const daemon = new Daemon({ limit: 2 })
    const client = daemon.connect('ivr-7')
    const tokens = [daemon.grant(client, 'a'), daemon.grant(client, 'b')]
    daemon.commit()
    daemon.journal.clients.clear()
    daemon.crash()
    t.equal(daemon.counter.inUse, 2)
    daemon.commit()
    t.equal(daemon.journal.clients.size, 1, 'the journal is whole again')
    t.match(daemon.resume(daemon.connect(), ...tokens), { resumed: 2, unknown: [] })
  })

  t.test('a client that changed while it held nothing is journalled as it is now', async t => {
    const daemon = new Daemon()
    const old = { pid: 10, startTime: 1 }
    daemon.counter.release(daemon.grant(daemon.connect('ivr-7', old), 'a'))
    daemon.grant(daemon.connect('other'), 'x')
    daemon.grant(daemon.connect('ivr-7', old), 'b')
    daemon.commit()
    daemon.counter.release(daemon.grant(daemon.connect('ivr-7', old), 'b'))
    daemon.commit()
    const client = daemon.connect('ivr-7', { pid: 11, startTime: 2 })
    daemon.commit()
    daemon.grant(client, 'c')
    daemon.commit()
    daemon.crash()
    t.equal(daemon.counter.releaseDead(old), 0)
    t.equal(daemon.counter.inUse, 2)
  })
})

t.test('Law 4: nothing leaks, and a release counts once', async t => {
  t.test('a release that is repeated changes nothing', async t => {
    const daemon = new Daemon()
    const client = daemon.connect()
    const token = daemon.grant(client, 'a')
    daemon.grant(client, 'b')
    t.equal(daemon.counter.release(token), true)
    t.equal(daemon.counter.release(token), false)
    t.equal(daemon.counter.inUse, 1)
    t.equal(daemon.counter.totals.ended.released, 1)
  })

  t.test('the old token does not release the session that has its slot now', async t => {
    const daemon = new Daemon()
    const client = daemon.connect()
    const old = daemon.grant(client, 'a')
    daemon.counter.release(old)
    const token = daemon.grant(client, 'b')
    t.equal(token.split('.')[0], old.split('.')[0], 'the slot is used again')
    t.equal(daemon.counter.release(old), false)
    t.equal(daemon.counter.inUse, 1)
  })

  t.test('after a release the key is free again', async t => {
    const daemon = new Daemon()
    const client = daemon.connect()
    const old = daemon.grant(client, 'a')
    daemon.counter.release(old)
    t.match(daemon.acquire(client, 'a'), { granted: true, repeated: false })
  })

  t.test('what nobody resumes is released when the window has passed', async t => {
    const daemon = new Daemon()
    const client = daemon.connect('ivr-7')
    const token = daemon.grant(client, 'a')
    daemon.disconnect(client)
    daemon.wait(WINDOW_MS - 1)
    daemon.expire()
    t.equal(daemon.counter.inUse, 1)
    daemon.wait(1)
    t.strictSame(daemon.expire(), [])
    t.equal(daemon.counter.inUse, 0)
    t.equal(daemon.counter.clients, 0)
    t.equal(daemon.counter.totals.ended['orphan-timeout'], 1)
    t.match(daemon.resume(daemon.connect('ivr-7'), token), { resumed: 0, unknown: [token] })
  })

  t.test('what a dead process left is released at once', async t => {
    const daemon = new Daemon()
    const dead = { pid: 4711, startTime: 88123 }
    const client = daemon.connect('ivr-7', dead)
    daemon.grant(client, 'a')
    daemon.grant(client, 'b')
    const other = daemon.connect('ivr-8')
    daemon.grant(other, 'c')
    t.equal(daemon.counter.releaseDead(dead), 0, 'while it is connected it is not dead')
    daemon.disconnect(client)
    daemon.disconnect(other)
    t.strictSame(daemon.counter.orphanedProcesses(), [dead])
    t.equal(daemon.counter.releaseDead({ pid: 4711, startTime: 99999 }), 0, 'a later process with that pid')
    t.equal(daemon.counter.releaseDead(dead), 2)
    t.equal(daemon.counter.inUse, 1)
    t.equal(daemon.counter.totals.ended['dead-process'], 2)
  })

  t.test(
    'a call that was forgotten is released after the longest duration, and its holder is told',
    async t => {
      const applications = new Map([['ivr', applicationPolicyOf({ maxDurationMs: 5000 })]])
      const daemon = new Daemon({ applications })
      const client = daemon.connect()
      const token = daemon.grant(client, 'a', 'ivr')
      daemon.grant(client, 'b', 'voicemail')
      daemon.wait(4999)
      t.strictSame(daemon.expire(), [])
      daemon.wait(1)
      t.match(daemon.expire(), [{ client, token, key: 'a', cause: 'max-duration' }])
      t.equal(daemon.counter.inUse, 1)
      daemon.change({ applications: new Map() })
      daemon.wait(WINDOW_MS)
      t.strictSame(daemon.expire(), [], 'no longest duration any more')
    },
  )

  t.test('an operator ends a session by its token', async t => {
    const daemon = new Daemon()
    t.equal(daemon.counter.release(daemon.grant(daemon.connect(), 'a'), 'operator'), true)
    t.equal(daemon.counter.totals.ended.operator, 1)
  })
})

t.test('Law 5: every refusal has a reason, and the first that applies is given', async t => {
  const applications = new Map([
    ['fax', applicationPolicyOf({ feature: 'fax' })],
    ['ivr', applicationPolicyOf({ max: 1 })],
  ])
  const daemon = new Daemon({ limit: 4, applications, maxSessionsPerClient: 2 })
  const client = daemon.connect()
  t.equal(daemon.refusal(client, 'a', 'fax'), 'feature-not-licensed')
  daemon.grant(client, 'b', 'ivr')
  t.equal(daemon.refusal(client, 'c', 'ivr'), 'application-limit-reached')
  daemon.grant(client, 'd')
  t.equal(daemon.refusal(client, 'e'), 'client-limit-reached')
  const other = daemon.connect()
  daemon.grant(other, 'f')
  daemon.change({ features: new Set(['fax']) })
  daemon.grant(other, 'g', 'fax')
  t.equal(daemon.refusal(daemon.connect(), 'h'), 'limit-reached')
  t.strictSame(
    [...daemon.counter.totals.denied],
    [
      ['feature-not-licensed', 1],
      ['application-limit-reached', 1],
      ['client-limit-reached', 1],
      ['limit-reached', 1],
    ],
  )
  t.strictSame(
    [...daemon.counter.applications].map(({ name, granted, denied }) => [name, granted, denied]),
    [
      ['fax', 1, 1],
      ['ivr', 1, 1],
      ['default', 2, 2],
    ],
  )
})

t.test('a second connection of the same client supersedes the first', async t => {
  const daemon = new Daemon()
  const first = daemon.connect('ivr-7')
  const attachment = first.attachment!
  const token = daemon.grant(first, 'a')
  const { client, superseded } = daemon.counter.attach(
    { identity: 'ivr-7', label: 'again', process: null },
    daemon.now,
  )
  t.equal(superseded, true)
  t.equal(daemon.counter.orphaned, 1, 'the newer one takes its sessions back by itself')
  t.match(daemon.resume(client, token), { resumed: 1 })
  daemon.counter.detach(client, attachment, daemon.now)
  t.equal(daemon.counter.orphaned, 0, 'the late end of the first connection harms nobody')
  t.equal(daemon.counter.clients, 1)
})

t.test('a token takes a session over from any client', async t => {
  const daemon = new Daemon()
  const [one, other] = [daemon.connect('one'), daemon.connect('other')]
  const token = daemon.grant(one, 'a')
  t.match(daemon.resume(other, token), { resumed: 1 })
  daemon.disconnect(one)
  t.equal(daemon.counter.orphaned, 0)
  t.match(daemon.acquire(other, 'a'), { granted: true, repeated: true, token })
  t.equal(daemon.refusal(one, 'a'), null, 'its key is free for the former holder')
})

t.test('sessions that were granted while the journal could not be written', async t => {
  const signer = { key: new Uint8Array(32).fill(1), instanceId: 'run-1', era: 0 }
  const lost = (daemon: Daemon, key = 'a'): string => {
    const session = { application: 'ivr', key, grantedAt: daemon.now }
    return signToken(daemon.grant(daemon.connect(), key, 'ivr'), session, signer)
  }

  t.test('come back on the proof of their token, under a new one', async t => {
    const daemon = new Daemon()
    const token = lost(daemon)
    daemon.crash(signer)
    const client = daemon.connect()
    const { resumed, unknown, replaced } = daemon.resume(client, token)
    t.strictSame([resumed, unknown], [1, []])
    t.equal(daemon.counter.inUse, 1)
    t.equal(daemon.counter.totals.adopted, 1)
    t.equal(daemon.counter.totals.granted, 0)
    t.match(daemon.acquire(client, 'a', 'ivr'), { repeated: true, token: replaced[token] })
    const session = { application: 'ivr', key: 'a', grantedAt: daemon.now }
    t.strictSame(daemon.counter.sessionOf(replaced[token]!), session, 'of which a proof can be made anew')
    t.equal(daemon.counter.release(replaced[token]!), true)
    t.equal(daemon.counter.sessionOf(replaced[token]!), null)
  })

  t.test('once: asked again after a lost reply, the new token is the same', async t => {
    const daemon = new Daemon()
    const token = lost(daemon)
    daemon.crash(signer)
    const first = daemon.resume(daemon.connect(), token)
    t.strictSame(daemon.resume(daemon.connect(), token), first)
    t.equal(daemon.counter.inUse, 1)
    daemon.counter.release(first.replaced[token]!)
    t.match(daemon.resume(daemon.connect(), token), { resumed: 0, unknown: [token] })
  })

  t.test('not where the journal knew them and they have ended since', async t => {
    const daemon = new Daemon()
    const plain = daemon.grant(daemon.connect('one'), 'a', 'ivr')
    daemon.commit()
    const token = signToken(plain, { application: 'ivr', key: 'a', grantedAt: daemon.now }, signer)
    daemon.crash(signer)
    t.match(daemon.resume(daemon.connect('one'), token), { resumed: 1, replaced: {} })
    t.equal(daemon.counter.release(token), true)
    t.match(daemon.resume(daemon.connect('one'), token), { resumed: 0, unknown: [token] })
    t.equal(daemon.counter.inUse, 0)
  })

  t.test('never above the limit: their tokens do not tell whether they were released since', async t => {
    const daemon = new Daemon({ limit: 2 })
    const tokens = ['a', 'b', 'c', 'd'].map(key => {
      const token = lost(daemon, key)
      daemon.counter.release(token)
      return token
    })
    daemon.crash(signer)
    t.match(daemon.resume(daemon.connect(), ...tokens), { resumed: 2, unknown: tokens.slice(2) })
    t.equal(daemon.counter.inUse, 2)
  })

  t.test('in place of what the journal could not be told was released', async t => {
    const daemon = new Daemon({ limit: 2 })
    const before = ['a', 'b'].map(key => daemon.grant(daemon.connect(), key, 'ivr'))
    daemon.commit()
    for (const token of before) daemon.counter.release(token)
    const tokens = [lost(daemon, 'c'), lost(daemon, 'd')]
    daemon.crash(signer)
    t.equal(daemon.counter.inUse, 2, 'the journal has the old ones')
    t.match(daemon.resume(daemon.connect(), ...tokens), { resumed: 2, unknown: [] })
    t.equal(daemon.counter.inUse, 2)
    t.match(daemon.resume(daemon.connect(), ...before), { resumed: 0, unknown: before })
    t.equal(daemon.counter.totals.ended.released, 2)
  })

  t.test('never in place of what somebody claimed since, be it by the key of a call that ended', async t => {
    const daemon = new Daemon({ limit: 3 })
    const old = daemon.grant(daemon.connect('one'), 'a', 'ivr')
    daemon.commit()
    daemon.counter.release(old)
    const token = lost(daemon, 'b')
    daemon.crash(signer)
    const claimed = daemon.grant(daemon.connect('one'), 'a', 'ivr')
    t.equal(claimed, old, 'the retry gets what the journal has')
    t.match(daemon.resume(daemon.connect(), token), { resumed: 1, unknown: [] })
    t.equal(daemon.counter.inUse, 2)
    t.equal(daemon.counter.release(claimed), true)
  })

  t.test(
    'all of them where the limit was made smaller meanwhile, unless somebody was let in since',
    async t => {
      const daemon = new Daemon({ limit: 3 })
      const tokens = ['a', 'b', 'c'].map(key => lost(daemon, key))
      daemon.change({ limit: 1 })
      daemon.crash(signer)
      t.match(daemon.resume(daemon.connect(), ...tokens.slice(0, 2)), { resumed: 2 })
      t.equal(daemon.refusal(daemon.connect(), 'd', 'ivr'), 'limit-reached')
      daemon.change({ limit: 3 })
      daemon.grant(daemon.connect(), 'e', 'ivr')
      t.match(daemon.resume(daemon.connect(), tokens[2]!), { resumed: 0, unknown: [tokens[2]] })
    },
  )

  t.test('none above a smaller limit under which somebody was let in', async t => {
    const daemon = new Daemon({ limit: 3 })
    const tokens = ['a', 'b'].map(key => lost(daemon, key))
    daemon.change({ limit: 1 })
    daemon.crash(signer)
    daemon.grant(daemon.connect(), 'c', 'ivr')
    t.match(daemon.resume(daemon.connect(), ...tokens), { resumed: 0, unknown: tokens })
  })

  t.test('beside those of this run, whose slots they cannot have', async t => {
    const daemon = new Daemon({ limit: 4 })
    const tokens = ['a', 'b'].map(key => lost(daemon, key))
    daemon.crash(signer)
    const granted = daemon.grant(daemon.connect(), 'c', 'ivr')
    const { resumed } = daemon.resume(daemon.connect(), ...tokens)
    t.equal(resumed, 2)
    const others = ['d', 'e'].map(key => daemon.refusal(daemon.connect(), key, 'ivr'))
    t.strictSame(others, [null, 'limit-reached'], 'the slots that are free are found')
    t.equal(daemon.counter.release(granted), true)
    t.equal(daemon.counter.inUse, 3)
  })

  t.test('without a word of the journal nothing of it gives way', async t => {
    const daemon = new Daemon({ limit: 1 })
    const before = daemon.grant(daemon.connect(), 'a', 'ivr')
    daemon.commit()
    daemon.counter.release(before)
    const token = lost(daemon, 'b')
    daemon.crash({ ...signer, era: null })
    t.match(daemon.resume(daemon.connect(), token), { resumed: 0, unknown: [token] })
    t.match(daemon.resume(daemon.connect(), before), { resumed: 1 })
  })

  t.test('not after the window, not from an earlier run or era, not without a signature', async t => {
    const daemon = new Daemon()
    const token = lost(daemon)
    const nothing = { resumed: 0, unknown: [token], replaced: {} }
    daemon.crash(signer)
    daemon.wait(WINDOW_MS)
    t.strictSame(daemon.resume(daemon.connect(), token), nothing)
    daemon.crash({ ...signer, instanceId: 'run-2' })
    t.strictSame(daemon.resume(daemon.connect(), token), nothing)
    daemon.crash({ ...signer, era: 1 })
    t.strictSame(daemon.resume(daemon.connect(), token), nothing)
    daemon.crash(null)
    t.strictSame(daemon.resume(daemon.connect(), token), nothing)
    daemon.crash(signer)
    const plain = token.split('.').slice(0, 2).join('.')
    t.match(daemon.resume(daemon.connect(), plain, 'nonsense'), { resumed: 0, unknown: [plain, 'nonsense'] })
  })

  t.test('also one that was counted off for the dead process that the journal named', async t => {
    const daemon = new Daemon()
    const dead = { pid: 7, startTime: 1 }
    const client = daemon.connect('ivr-7', dead)
    const token = daemon.grant(client, 'a')
    daemon.commit()
    // Another process takes it over while the journal cannot be written, and gets a token that proves it.
    const sealed = signToken(token, daemon.counter.sessionOf(token)!, signer)
    daemon.crash(signer)
    t.equal(daemon.counter.releaseDead(dead), 1)
    t.match(daemon.resume(daemon.connect('ivr-7'), sealed), { resumed: 1, unknown: [] })
    t.equal(daemon.counter.inUse, 1)
  })

  t.test('a second call with the same key is not mistaken for the first', async t => {
    const daemon = new Daemon()
    const tokens = [lost(daemon, 'a'), lost(daemon, 'a')]
    daemon.crash(signer)
    t.match(daemon.resume(daemon.connect(), ...tokens), { resumed: 2, unknown: [] })
    t.equal(daemon.counter.inUse, 2)
  })
})

t.test('a journal that could not be written is written anew', async t => {
  const daemon = new Daemon()
  const client = daemon.connect('ivr-7')
  daemon.counter.release(daemon.grant(client, 'a'))
  daemon.grant(client, 'b')
  daemon.commit()
  daemon.connect('idle')
  daemon.grant(client, 'c')
  daemon.journal.rewrite(daemon.counter)
  t.equal(daemon.counter.hasChanges, false)
  t.strictSame(
    [...daemon.journal.sessions.values()].map(({ key }) => key),
    ['b', 'c'],
  )
  t.strictSame(
    [...daemon.journal.clients.values()].map(({ identity }) => identity),
    ['ivr-7'],
  )
  daemon.disconnect(client)
  daemon.wait(WINDOW_MS)
  daemon.expire()
  daemon.commit()
  t.equal(daemon.journal.sessions.size + daemon.journal.clients.size, 0)
})
