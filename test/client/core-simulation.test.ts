import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { Session } from '../../src/client/session.ts'
import { parameters } from '../property.ts'
import { Rig } from './rig.ts'
import { SimulatedDaemon } from './simulated-daemon.ts'

// Two clients at one daemon, with everything in between that can happen to a connection, at any moment. What
// must hold in the end: every caller got one answer, in time; whatever the clients hold is counted, and
// nothing else is; and when all is given back the count is 0.

type Step =
  | { readonly act: 'acquire'; readonly client: number; readonly key: number }
  | { readonly act: 'hangUp'; readonly which: number }
  | { readonly act: 'wake'; readonly client: number }
  | { readonly act: 'release'; readonly client: number; readonly which: number }
  | { readonly act: 'turns'; readonly client: number; readonly count: number }
  | { readonly act: 'pass'; readonly client: number; readonly ms: number }
  | { readonly act: 'break'; readonly client: number; readonly code: number }
  | { readonly act: 'away'; readonly client: number; readonly on: boolean }
  | { readonly act: 'mute'; readonly client: number; readonly on: boolean }
  | { readonly act: 'restart' | 'forget' | 'drain' }
  | { readonly act: 'limit'; readonly limit: number }

const CLIENTS = 2
const client = fc.nat(CLIENTS - 1)

function steps(withForgetting: boolean): fc.Arbitrary<Step[]> {
  const disasters = ['restart', 'drain', ...(withForgetting ? (['forget'] as const) : [])] as const
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 8, arbitrary: fc.record({ act: fc.constant('acquire' as const), client, key: fc.nat(5) }) },
    { weight: 3, arbitrary: fc.record({ act: fc.constant('hangUp' as const), which: fc.nat(3) }) },
    { weight: 4, arbitrary: fc.record({ act: fc.constant('wake' as const), client }) },
    { weight: 5, arbitrary: fc.record({ act: fc.constant('release' as const), client, which: fc.nat(5) }) },
    {
      weight: 10,
      arbitrary: fc.record({
        act: fc.constant('turns' as const),
        client,
        count: fc.integer({ min: 1, max: 6 }),
      }),
    },
    { weight: 3, arbitrary: fc.record({ act: fc.constant('pass' as const), client, ms: fc.nat(3000) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        act: fc.constant('break' as const),
        client,
        code: fc.constantFrom(1006, 1001, 4000),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        act: fc.constantFrom('away' as const, 'mute' as const),
        client,
        on: fc.boolean(),
      }),
    },
    { weight: 2, arbitrary: fc.record({ act: fc.constantFrom(...disasters) }) },
    { weight: 1, arbitrary: fc.record({ act: fc.constant('limit' as const), limit: fc.nat(6) }) },
  )
  return fc.array(step, { maxLength: 80, size: 'max' })
}

class World {
  readonly daemon: SimulatedDaemon
  readonly rigs: Rig[]
  readonly sessions = new Set<Session>()
  readonly releases: Promise<boolean>[] = []
  asked = 0
  answered = 0
  /** Of the callers without an answer, the oldest first. */
  readonly waiting = new Set<AbortController>()

  constructor(resumeWindowMs: number) {
    this.daemon = new SimulatedDaemon({ limit: 4, maxBatchLength: 3, resumeWindowMs })
    this.rigs = Array.from({ length: CLIENTS }, (_, index) => {
      const hello = JSON.stringify({ clientId: `client-${index}`, clientSecret: `secret-of-client-${index}` })
      return new Rig(this.daemon, { hello, maxPending: 50, partLength: 2 + index }).start()
    })
  }

  take(step: Step): void {
    if (step.act === 'acquire') this.#acquire(step.client, step.key)
    else if (step.act === 'hangUp') [...this.waiting][step.which]?.abort()
    else if (step.act === 'wake') this.#wake(this.#rig(step.client))
    else if (step.act === 'release') this.#release(step.client, step.which)
    else if (step.act === 'turns') this.#turn(this.#rig(step.client), step.count)
    else if (step.act === 'pass') this.#rig(step.client).pass(step.ms)
    else if (step.act === 'break') this.#break(this.#rig(step.client), step.code)
    else if (step.act === 'limit') this.daemon.setLimit(step.limit)
    else if (step.act === 'drain') this.daemon.counter.drain()
    else if (step.act === 'away' || step.act === 'mute') this.#rig(step.client)[step.act] = step.on
    else {
      this.daemon[step.act]()
      for (const rig of this.rigs) this.#break(rig, 1006)
    }
  }

  /** The world gets well again, and time enough passes for everything to find its end. */
  async recover(): Promise<void> {
    for (const rig of this.rigs) {
      rig.away = false
      rig.mute = false
    }
    if (this.daemon.counter.draining) this.take({ act: 'restart' })
    for (let round = 0; round < 4; round++) {
      for (const rig of this.rigs) rig.pass(6000)
      await tick()
    }
  }

  get held(): Session[] {
    return this.rigs.flatMap(rig => [...rig.core.sessions.values()])
  }

  #rig(index: number): Rig {
    return this.rigs[index] as Rig
  }

  #turn(rig: Rig, count: number): void {
    for (let done = 0; done < count; done++) rig.turn()
  }

  #wake(rig: Rig): void {
    if (rig.wake !== Number.POSITIVE_INFINITY) rig.tick()
  }

  #release(index: number, which: number): void {
    const session = [...this.#rig(index).core.sessions.values()][which]
    if (session !== undefined) this.releases.push(session.release())
  }

  #break(rig: Rig, code: number): void {
    if (rig.core.state === 'handshaking' || rig.core.state === 'ready') rig.break(code)
  }

  #acquire(index: number, key: number): void {
    const rig = this.#rig(index)
    const hangUp = new AbortController()
    this.waiting.add(hangUp)
    this.asked++
    const answered = () => {
      this.answered++
      this.waiting.delete(hangUp)
    }
    rig.core.acquire(`key-${key}`, undefined, hangUp.signal, rig.now).then(outcome => {
      answered()
      if (outcome.granted) this.sessions.add(outcome.session)
    }, answered)
  }
}

function tick(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

/** In a calm world clients are always back in time, so that whatever leaks stays. */
async function live(history: Step[], isCalm: boolean): Promise<void> {
  const world = new World(isCalm ? Number.MAX_SAFE_INTEGER : 1000)
  for (const step of history) {
    world.take(step)
    if (step.act !== 'turns') await tick()
  }
  await world.recover()
  assert.equal(world.answered, world.asked, 'every caller is answered')
  const { held } = world
  assert.equal(world.daemon.counter.inUse, held.length, 'what is held is counted, and nothing else')
  assert.equal(world.daemon.counter.orphaned, 0)
  for (const session of world.sessions) {
    assert.equal(session.state === 'held', held.includes(session), `${session.key} is ${session.state}`)
    if (isCalm) assert.notEqual(session.state, 'lost')
  }
  const earlier = await Promise.all(world.releases)
  if (isCalm) assert.ok(earlier.every(Boolean), 'every release counted')
  const release = held.map(session => session.release())
  for (const rig of world.rigs) rig.pass(100)
  assert.ok((await Promise.all(release)).every(Boolean))
  assert.equal(world.daemon.counter.inUse, 0, 'the count returns to 0')
  const closed = world.rigs.map(rig => rig.core.close(false, rig.now))
  for (const rig of world.rigs) rig.pass(2000)
  await Promise.all(closed)
  assert.equal(world.daemon.counter.clients, 0)
}

t.test('whatever happens to connections and daemon, nothing leaks and nobody waits for ever', async () => {
  await fc.assert(
    fc.asyncProperty(steps(true), history => live(history, false)),
    parameters(300),
  )
})

t.test('where clients come back in time, no session is lost and none is left behind', async () => {
  const calm = steps(false).map(history => history.filter(step => step.act !== 'limit'))
  await fc.assert(
    fc.asyncProperty(calm, history => live(history, true)),
    parameters(300),
  )
})
