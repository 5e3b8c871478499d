import t from 'tap'
import { Link, PROVEN_AFTER_MS } from '../../src/client/link.ts'

const TIMES = { handshakeTimeoutMs: 5000, pingIntervalMs: 10_000, silenceTimeoutMs: 3000 }

function link(random = () => 1): Link {
  return new Link(TIMES, random)
}

function readyLink(now: number, random = () => 1): Link {
  const made = link(random)
  made.connecting(now)
  made.opened()
  made.ready(now)
  return made
}

t.test('an idle link wants nothing', async t => {
  const idle = link()
  t.equal(idle.state, 'idle')
  t.equal(idle.step(1e9), undefined)
  t.equal(idle.wakeAt(), Number.POSITIVE_INFINITY)
})

t.test('a handshake that takes too long is given up, whether it is open or not', async t => {
  const connecting = link()
  connecting.connecting(100)
  t.equal(connecting.wakeAt(), 5100)
  t.equal(connecting.step(5099), undefined)
  t.equal(connecting.step(5100), 'drop')
  const open = link()
  open.connecting(100)
  open.opened()
  t.equal(open.state, 'handshaking')
  t.equal(open.step(5099), undefined)
  t.equal(open.step(5100), 'drop')
})

t.test('a quiet connection is pinged, and given up where no answer comes', async t => {
  const ready = readyLink(0)
  t.equal(ready.wakeAt(), 10_000)
  t.equal(ready.step(9999), undefined)
  t.equal(ready.step(10_000), 'ping')
  ready.asked(10_000)
  t.equal(ready.wakeAt(), 13_000)
  t.equal(ready.step(12_999), undefined, 'it is not pinged twice')
  t.equal(ready.step(13_000), 'drop')
})

t.test('an answer ends the doubt', async t => {
  const ready = readyLink(0)
  ready.asked(10_000)
  ready.heard(11_000, false)
  t.equal(ready.wakeAt(), 21_000)
  t.equal(ready.step(20_999), undefined)
  t.equal(ready.step(21_000), 'ping')
})

t.test('a peer that answers slowly but steadily is not given up', async t => {
  const ready = readyLink(0)
  ready.asked(0)
  ready.asked(1)
  for (let now = 2000; now < 20_000; now += 2000) {
    ready.heard(now, true)
    t.equal(ready.step(now + 1999), undefined)
  }
  t.equal(ready.step(18_000 + 3000), 'drop')
})

t.test('it comes back after growing waits', async t => {
  const lost = link()
  const waits = []
  let now = 0
  for (let attempt = 0; attempt < 9; attempt++) {
    lost.connecting(now)
    const wait = lost.lost(1006, now) ?? 0
    waits.push(wait)
    t.equal(lost.state, 'waiting')
    t.equal(lost.step(now + wait - 1), undefined)
    t.equal(lost.step(now + wait), 'connect')
    now += wait
  }
  t.strictSame(waits, [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000])
})

t.test('a connection that proved itself starts a new backoff', async t => {
  const proven = readyLink(0)
  proven.lost(1006, PROVEN_AFTER_MS)
  proven.connecting(2000)
  t.equal(proven.lost(1006, 2000), 100)
  proven.connecting(3000)
  proven.opened()
  proven.ready(3000)
  t.equal(proven.lost(1006, 3000 + PROVEN_AFTER_MS), 50)
})

t.test('one that did not goes on where it was: no loop of short connections', async t => {
  const short = link()
  const waits = []
  for (let now = 0; now < 5; now++) {
    short.connecting(now)
    short.opened()
    short.ready(now)
    waits.push(short.lost(4000, now))
  }
  t.strictSame(waits, [50, 100, 200, 400, 800])
})

t.test('at once after 1001, but not again and again', async t => {
  const restarted = readyLink(0)
  t.equal(restarted.lost(1001, 5000), 0)
  restarted.connecting(5000)
  restarted.opened()
  restarted.ready(5000)
  t.equal(restarted.lost(1001, 5010), 100)
})

t.test('never after 45xx, nor after codes that say that we do wrong', async t => {
  for (const code of [4500, 4501, 4999, 1003, 1007, 1009]) {
    const over = readyLink(0)
    t.equal(over.lost(code, 10), undefined, `${code}`)
    t.equal(over.state, 'ended')
    t.equal(over.step(1e9), undefined)
    t.equal(over.wakeAt(), Number.POSITIVE_INFINITY)
  }
})

t.test('after any other code', async t => {
  for (const code of [1000, 1002, 1005, 1006, 1011, 1012, 4000, 4001, 4002, 4499]) {
    t.type(readyLink(0).lost(code, 10), 'number', `${code}`)
  }
})
